module pod-gateway/lab/probe

go 1.24.0

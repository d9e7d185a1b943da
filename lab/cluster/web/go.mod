module pod-gateway/lab/cluster/web

go 1.24.0

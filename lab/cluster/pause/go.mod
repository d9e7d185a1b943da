module pod-gateway/lab/cluster/pause

go 1.24.0

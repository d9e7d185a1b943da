//go:build tools

// Package coredns pins the CoreDNS that the lab builds and runs.
package coredns

import _ "github.com/coredns/coredns"

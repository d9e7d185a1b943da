//go:build tools

// Package engine pins the Pulumi CLI that the lab builds if the official one cannot be downloaded.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"

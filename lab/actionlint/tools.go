//go:build tools

// Package actionlint pins the linter for workflows that the lab builds and runs.
package actionlint

import _ "github.com/rhysd/actionlint/cmd/actionlint"

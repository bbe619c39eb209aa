#!/bin/sh
# This host does not see runtime.options of Pulumi.yaml, so `typescript: false` is said here: Node runs
# TypeScript as it is, and the host's own ts-node can't load the compiler we check types with.
exec "$(dirname "$0")/../libexec/pulumi-language-nodejs" -typescript=false "$@"

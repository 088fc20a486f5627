#!/usr/bin/env bash
# Every check of a change, in the order of their speed. The last line is the count of the tests: `N passed, N failed, N skipped`.
set -euo pipefail
cd "$(dirname "$0")/.."

# Counts are read by machines: no colours, also where CI is set, which some tools take for a terminal.
export CI=true NO_COLOR=1
unset FORCE_COLOR

step() {
  echo "== $*"
  "$@" < /dev/null
}

step npm run --silent lint
step npm run --silent typecheck
# By CPU time and as a ratio in the same run, so that what else the machine does counts little.
step npm run --silent bench -- --check
step npm test --silent

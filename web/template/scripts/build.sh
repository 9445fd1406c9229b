#!/bin/sh
# Keeps its executable bit: the zip carries Unix modes.
set -eu
tsc --project . --outDir dist
cp index.html src/styles.css dist/

package browser

import _ "embed"

//go:embed mingzhang.js
var script []byte

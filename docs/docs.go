// Package docs holds the pages of the manual that the program itself serves.
package docs

import _ "embed" // of what follows

// OpenAPI is the description of the API in OpenAPI 3.1, as YAML, made from the schema by make generate.
//
//go:embed openapi.yaml
var OpenAPI []byte

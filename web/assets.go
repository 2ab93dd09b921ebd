package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/browser"
)

//go:embed assets style
var assetFiles embed.FS

// The two stylesheets: of the board and all its forms, and of the desks and of signing in. Each is files of the directory style behind one
// another, in order of their names: those whose number begins with 2 are the board's, 3 to 5 the desks', the others are in both.
const (
	boardStyle = "board.css"
	deskStyle  = "desk.css"
)

// verifyName is the script of the page that checks the log: the verifier of package browser stands in front of it, in one module.
const verifyName = "verify.js"

// assets are the files that pages load, by the address that names their content: /assets/<first 16 digits of SHA-256>/style.css. A file
// under such an address never changes, so a browser asks for it once.
var assets, assetOf = readAssets()

func readAssets() (byAddress map[string][]byte, addressOf map[string]string) {
	byAddress, addressOf = map[string][]byte{}, map[string]string{}
	add := func(name string, data []byte) {
		sum := sha256.Sum256(data)
		address := "/assets/" + hex.EncodeToString(sum[:8]) + "/" + name
		byAddress[address], addressOf[name] = data, address
	}
	var board, desk []byte
	each("style", func(name string, data []byte) {
		ofBoard, ofDesk := name[0] == '2', name[0] >= '3' && name[0] <= '5'
		if !ofDesk {
			board = append(board, data...)
		}
		if !ofBoard {
			desk = append(desk, data...)
		}
	})
	add(boardStyle, board)
	add(deskStyle, desk)
	each("assets", func(name string, data []byte) {
		if name == verifyName {
			data = append(browser.Checker(), data...)
		}
		add(name, data)
	})
	add("mingzhang.js", browser.Script()) // the verifier and witness, for pages that sign
	return byAddress, addressOf
}

// each reads the embedded files of a directory, in order of their names.
func each(dir string, read func(name string, data []byte)) {
	entries, err := assetFiles.ReadDir(dir)
	if err != nil {
		panic("web: " + err.Error()) // embedded at build time
	}
	for _, e := range entries {
		data, err := assetFiles.ReadFile(dir + "/" + e.Name())
		if err != nil {
			panic("web: " + err.Error())
		}
		read(e.Name(), data)
	}
}

// style is the address of the stylesheet of the page.
func (v *visit) style() string {
	if strings.HasPrefix(v.path, "/b/") {
		return v.asset(boardStyle)
	}
	return v.asset(deskStyle)
}

// asset is the address of a file of the directory assets.
func (v *visit) asset(name string) string {
	address, ok := assetOf[name]
	if !ok {
		panic("web: there is no asset " + name)
	}
	return v.href(address)
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	data, ok := assets[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", contentType(r.URL.Path))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(data)
}

func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js", ".css":
		return map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}[ext]
	default:
		t := mime.TypeByExtension(ext)
		if strings.HasPrefix(t, "text/") && !strings.Contains(t, "charset") {
			t += "; charset=utf-8"
		}
		return t
	}
}

package web

import (
	"strconv"
	"strings"

	qr "github.com/piglig/go-qr"
)

// quietZone is the white around a code, in modules (ISO/IEC 18004).
const quietZone = 4

// qrCode is a text as a QR code: its modules as the path of an SVG picture, whose side is in modules, the quiet zone included.
type qrCode struct {
	text string
	side int
	path string
}

// newQR makes the code of a text of at most 2,000 bytes with error correction M: a seventh of the code may be torn or dirty.
func newQR(text string) (*qrCode, error) {
	code, err := qr.EncodeText(text, qr.Medium)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for y := range code.Size() {
		for x := 0; x < code.Size(); x++ {
			if !code.Module(x, y) {
				continue
			}
			from := x
			for x < code.Size() && code.Module(x, y) {
				x++
			}
			n := strconv.Itoa(x - from)
			b.WriteString("M" + strconv.Itoa(from+quietZone) + " " + strconv.Itoa(y+quietZone) + "h" + n + "v1h-" + n + "z")
		}
	}
	return &qrCode{text: text, side: code.Size() + 2*quietZone, path: b.String()}, nil
}

func (c *qrCode) viewBox() string { return "0 0 " + strconv.Itoa(c.side) + " " + strconv.Itoa(c.side) }

package transparency

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// FormatPin writes a pin (印记), which posters and receipts print: the size and root of a log, behind its origin where there is one,
// as a fragment, which a browser sends to nobody:
//
//	<origin>#<size>:<root, base64url without padding, 43 characters>
func FormatPin(h Head) string {
	pin := strconv.FormatUint(h.Size, 10) + ":" + base64.RawURLEncoding.EncodeToString(h.Root[:])
	if h.Origin != "" {
		pin = h.Origin + "#" + pin
	}
	return pin
}

var errPin = errors.New("a pin is SIZE:ROOT, the root in 64 hex digits, 44 of base64 or 43 of base64url")

// ParsePin reads a pin with or without an origin. People type pins: the root may also be in hex or in base64 of either alphabet, with or
// without its padding.
func ParsePin(text string) (Head, error) {
	origin, pin := "", text
	if i := strings.LastIndexByte(text, '#'); i >= 0 { // an origin may have one itself
		origin, pin = text[:i], text[i+1:]
		if err := CheckOrigin(origin); err != nil {
			return Head{}, err
		}
	}
	digits, encoded, _ := strings.Cut(pin, ":")
	size, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || size == 0 || size > headSizeMax {
		return Head{}, errPin
	}
	encoded = strings.TrimSuffix(encoded, "=")
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.RawStdEncoding.Strict().DecodeString, base64.RawURLEncoding.Strict().DecodeString} {
		if root, err := decode(encoded); err == nil && len(root) == tlog.HashSize {
			return Head{Origin: origin, Size: size, Root: tlog.Hash(root)}, nil
		}
	}
	return Head{}, errPin
}

package sqlite

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// stamp is what tells a file that nobody has written to since. The zero value is that of no file.
type stamp struct {
	size    int64
	changed int64 // time of the last change, in ns since 1970
}

// stampOf is the stamp of a file, none when it cannot be looked at.
func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime().UnixNano()}
}

// The lock file of a directory that nobody has open: one line for each file that was closed in order.
const stampLine = "closed %d %d %q\n"

const stampBytesMax = 64 << 10 // of a lock file; it is small unless it is not ours

func encodeStamps(left map[string]stamp) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(&b, stampLine, left[name].size, left[name].changed, name)
	}
	return b.String()
}

// readStamps passes over every line it does not understand: the file it is about is then not taken for unchanged.
func readStamps(file io.ReaderAt) map[string]stamp {
	left := make(map[string]stamp)
	text, _ := io.ReadAll(io.NewSectionReader(file, 0, stampBytesMax)) // what could be read
	for line := range strings.Lines(string(text)) {
		var s stamp
		var name string
		if n, err := fmt.Sscanf(line, stampLine, &s.size, &s.changed, &name); err == nil && n == 3 {
			left[name] = s
		}
	}
	return left
}

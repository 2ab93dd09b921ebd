package transparency

import (
	"fmt"
	"iter"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// The files of a published log, in a directory of its own. It is C2SP tlog-tiles v0.1.0: any web server can hand it out, any
// client of that format can read it.
//
//	checkpoint                    the signed head (see Head)
//	vkey                          the public key of the log as LogVerifierKey gives it, and a line feed; not of the format
//	tile/<L>/<N>[.p/<W>]          hashes of level L: 256 of them, or W in a partial tile, 32 bytes each
//	tile/entries/<N>[.p/<W>]      bundle: 256 entries, or W, each behind its length in two bytes, big-endian
//
// Level 0 are the leaf hashes; hash i of level L+1 is the root of the 256 hashes of tile i of level L. <N> is written in groups
// of three digits, all but the last with an x before them: 1234067 is x001/x234/067.
const (
	CheckpointFile = "checkpoint"
	VerifierFile   = "vkey"

	tileDir     = "tile"
	entriesName = "entries"
	tileWidth   = 256
	tileHeight  = 8

	entryBytesMax = 1<<16 - 1
	bundleMax     = tileWidth * (2 + entryBytesMax)
)

// tile names one file below tile/.
type tile struct {
	level int // entriesLevel for a bundle
	n     uint64
	width int // 1 to tileWidth
}

const entriesLevel = -1

// name is the path of the file below the directory of the log, with slashes.
func (t tile) name() string {
	level := entriesName
	if t.level != entriesLevel {
		level = strconv.Itoa(t.level)
	}
	groups := fmt.Sprintf("%03d", t.n%1000)
	for n := t.n / 1000; n > 0; n /= 1000 {
		groups = fmt.Sprintf("x%03d/", n%1000) + groups
	}
	name := path.Join(tileDir, level, groups)
	if t.width < tileWidth {
		name += ".p/" + strconv.Itoa(t.width)
	}
	return name
}

// parseTile is the tile of a path; false for a path that is no tile's, in its one form.
func parseTile(name string) (tile, bool) {
	rest, ok := strings.CutPrefix(name, tileDir+"/")
	level, rest, more := strings.Cut(rest, "/")
	if !ok || !more {
		return tile{}, false
	}
	t := tile{level: entriesLevel, width: tileWidth}
	if level != entriesName {
		l, err := strconv.ParseUint(level, 10, 6)
		if err != nil {
			return tile{}, false
		}
		t.level = int(l)
	}
	if groups, width, partial := strings.Cut(rest, ".p/"); partial {
		w, err := strconv.ParseUint(width, 10, 8)
		if err != nil {
			return tile{}, false
		}
		rest, t.width = groups, int(w)
	}
	for group := range strings.SplitSeq(rest, "/") {
		n, err := strconv.ParseUint(strings.TrimPrefix(group, "x"), 10, 16)
		if err != nil || t.n > headSizeMax/1000 {
			return tile{}, false
		}
		t.n = t.n*1000 + n
	}
	return t, t.width > 0 && t.name() == name
}

// height is the level of the hashes that a tile has, for its place in the tree.
func (t tile) height() int { return max(t.level, 0) }

// within says whether a log of a size has all the hashes or entries of the tile. first is where they begin.
func (t tile) within(size uint64) (first uint64, ok bool) {
	if t.height()*tileHeight >= 64 {
		return 0, false
	}
	have := size >> (t.height() * tileHeight)
	if t.n > have/tileWidth {
		return 0, false
	}
	first = t.n * tileWidth
	return first, first+uint64(t.width) <= have
}

// tilesOf gives the files that a log of a size has: the bundles, then the tiles from the lowest level up.
func tilesOf(size uint64) iter.Seq[tile] {
	return func(yield func(tile) bool) {
		for level := entriesLevel; size>>(max(level, 0)*tileHeight) > 0; level++ {
			for t := range tilesAt(level, size) {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// tilesAt gives those of one level, in order.
func tilesAt(level int, size uint64) iter.Seq[tile] {
	return func(yield func(tile) bool) {
		have := size >> (max(level, 0) * tileHeight)
		for first := uint64(0); first < have; first += tileWidth {
			if !yield(tile{level, first / tileWidth, int(min(have-first, tileWidth))}) {
				return
			}
		}
	}
}

// levels are the hashes of a log that stand in its tiles, level by level. They are kept in memory: 32 bytes an event.
type levels [][]tlog.Hash

// newLevels hashes on every core: the tree over a million leaves is a million hashes.
func newLevels(leaves []tlog.Hash) levels {
	all := levels{leaves}
	for {
		below := all[len(all)-1]
		if len(below) < tileWidth {
			return all
		}
		above := make([]tlog.Hash, len(below)/tileWidth)
		cores := min(runtime.GOMAXPROCS(0), len(above))
		var hashing sync.WaitGroup
		for core := range cores {
			hashing.Go(func() {
				for i := core; i < len(above); i += cores {
					above[i] = rootOf(below[i*tileWidth : (i+1)*tileWidth])
				}
			})
		}
		hashing.Wait()
		all = append(all, above)
	}
}

// rootAt is the root of the first size leaves, of which there must be so many.
func (l levels) rootAt(size uint64) tlog.Hash {
	var t tree // its edge is that of the full subtrees of each level, the largest first
	for level := len(l) - 1; level >= 0; level-- {
		var part tree
		have := size >> (level * tileHeight)
		for _, hash := range l[level][have&^(tileWidth-1) : have] {
			part.add(hash)
		}
		t.edge = append(t.edge, part.edge...)
	}
	t.size = size
	return t.root()
}

// RootOf is the root of the first of these leaf hashes. False: there are fewer.
func RootOf(leaves []tlog.Hash, size uint64) (tlog.Hash, bool) {
	if size > uint64(len(leaves)) {
		return tlog.Hash{}, false
	}
	return rootOf(leaves[:size]), true
}

// rootOf is the root of a tree that has these leaves.
func rootOf(leaves []tlog.Hash) tlog.Hash {
	var t tree
	for _, leaf := range leaves {
		t.add(leaf)
	}
	return t.root()
}

// data is the content of a tile that within allows.
func (l levels) data(t tile) []byte {
	var hashes []tlog.Hash
	if t.level < len(l) {
		first := t.n * tileWidth
		hashes = l[t.level][first : first+uint64(t.width)]
	}
	data := make([]byte, 0, t.width*tlog.HashSize)
	for i := range hashes {
		data = append(data, hashes[i][:]...)
	}
	return data
}

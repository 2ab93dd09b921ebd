package transparency

import "context"

// Read gives a file that was published beside the log, by its path below its directory, of at most so many bytes. One that is not there is
// fs.ErrNotExist; one that is longer, or no plain file, a *PublishedError.
func (l *PublishedLog) Read(_ context.Context, name string, most int64) ([]byte, error) {
	return readRegular(l.dir, name, most)
}

// Beside is where files beside the log are put, while it is published.
type Beside struct{ p *publisher }

// Read is PublishedLog.Read, of the directory that is published into.
func (b Beside) Read(name string, most int64) ([]byte, error) {
	return readRegular(b.p.dir, name, most)
}

// Write puts a file in its place, whole or not at all, and durably before the checkpoint that comes after it.
func (b Beside) Write(name string, data []byte) error { return b.p.write(name, data) }

package transparency

// Beside is where files beside the log are put, while it is published.
type Beside struct{ p *publisher }

// Read gives a file of the directory that is published into, as Dir.Read does.
func (b Beside) Read(name string, most int64) ([]byte, error) {
	return readRegular(b.p.dir, name, most)
}

// Write puts a file in its place, whole or not at all, and durably before the checkpoint that comes after it.
func (b Beside) Write(name string, data []byte) error { return b.p.write(name, data) }

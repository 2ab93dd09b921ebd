package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// serverTimeout bounds how long a server may take to say where it listens, and to end.
const serverTimeout = 30 * time.Second

// process is a server in a process of its own.
type process struct {
	process *os.Process
	url     string
	done    chan struct{} // closed when it has ended, with err
	err     error
	log     *lockedBuffer
}

// startServer starts a server on a data directory and a free port, with more flags or other ones, and waits until it says
// where it listens.
func startServer(dir string, more ...string) (*process, error) {
	return start(append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}, more...)...)
}

// start starts the program and waits for its first line, which says where it answers.
func start(args ...string) (*process, error) {
	cmd := exec.Command("mingzhang", args...) // TestMain puts it into PATH
	s := &process{done: make(chan struct{}), log: new(lockedBuffer)}
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.process = cmd.Process
	first := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		first <- strings.TrimSpace(line)
		s.err = cmd.Wait()
		close(s.done)
	}()
	select {
	case s.url = <-first:
	case <-time.After(serverTimeout):
	}
	if s.url == "" {
		s.kill()
		return nil, errors.New("the server did not start: " + s.log.String())
	}
	return s, nil
}

// kill ends the process at once (SIGKILL) and waits for it.
func (s *process) kill() {
	_ = s.process.Kill() // it may have ended already
	<-s.done
}

// wait gives how the process ended.
func (s *process) wait() error {
	select {
	case <-s.done:
		return s.err
	case <-time.After(serverTimeout):
		return errors.New("the server did not stop")
	}
}

// lockedBuffer takes a process's output while others look at it.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

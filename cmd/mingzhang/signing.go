package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// Who signs the heads of a data directory:
//
//	secret          with it the directory signs for itself, and remembers in
//	signer/         what it has signed (package transparency, LocalSigner)
//	signer-socket   instead of secret: one line, the socket of mingzhang signer, another process
//	signer-keys     the public keys it has told; made again
//	snapshots-key   instead of secret: what seals snapshots/; made again
const (
	signerDir        = "signer"
	signerSocketFile = "signer-socket"
	signerKeysFile   = "signer-keys"
	snapshotsKeyFile = "snapshots-key"
)

// dirSigner signs for a data directory.
type dirSigner struct {
	transparency.Signer
	io.Closer
	secret []byte // the first; nil with a signer in another process
}

// openSigner opens the signer of a data directory. socket counts instead of what the directory says; empty: as it says.
func openSigner(dir, socket string) (*dirSigner, error) {
	socket, err := signerOf(dir, socket)
	if err != nil {
		return nil, err
	}
	if socket != "" {
		remote, err := transparency.DialSigner(socket, filepath.Join(dir, signerKeysFile))
		if err != nil {
			return nil, err
		}
		return &dirSigner{Signer: remote, Closer: remote}, nil
	}
	secrets, err := readSecrets(dir)
	if err != nil {
		return nil, err
	}
	local, err := transparency.OpenSigner(filepath.Join(dir, signerDir), secrets...)
	if err != nil {
		return nil, err
	}
	return &dirSigner{Signer: local, Closer: local, secret: secrets[0]}, nil
}

// signerOf is the socket of the signer of a data directory; empty when it signs for itself.
func signerOf(dir, instead string) (string, error) {
	path := filepath.Join(dir, signerSocketFile)
	text, err := os.ReadFile(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("look who signs: %w", err)
	case instead == "":
		instead = strings.TrimSuffix(string(text), "\n")
	}
	if instead == "" && err == nil || strings.ContainsAny(instead, "\r\n") {
		return "", failed(exitUsage, "%s 应只有一行:签名进程的套接字。", "%s should hold one line, the socket of the signer.", path)
	}
	if instead == "" {
		return "", nil
	}
	if _, err := os.Lstat(filepath.Join(dir, secretFile)); err == nil {
		return "", failed(exitUsage, "%[1]s 里有自己的 secret,不能再用别的签名进程。把 %[1]s/secret 和 %[1]s/%[2]s 移到签名的用户或机器,用 mingzhang signer 开起来,再去掉这里的。",
			"%[1]s has a secret of its own and cannot have another signer as well. Move %[1]s/secret and %[1]s/%[2]s to the user or machine that is to sign, start mingzhang signer with them, and leave none here.", dir, signerDir)
	}
	return instead, nil
}

// snapshotsSecret is what the seal of snapshots is made of: the secret, or where there is none a file of its own. Without that the
// snapshots are made again.
func (s *dirSigner) snapshotsSecret(dir string) ([]byte, error) {
	if s.secret != nil {
		return s.secret, nil
	}
	path := filepath.Join(dir, snapshotsKeyFile)
	if key, err := os.ReadFile(path); err == nil && len(key) == sha256.Size {
		return key, nil
	}
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails
	if err := os.WriteFile(path, key, 0o600); err != nil {
		return nil, fmt.Errorf("make a key for snapshots: %w", err)
	}
	return key, nil
}

// verifierKey is the newest public key of a log that signs; empty when nobody can tell.
func (s *dirSigner) verifierKey(origin string) string {
	return transparency.VerifierKeyOf(context.Background(), s.Signer, origin)
}

// succession is the newest public key of a log that signs, and those before it.
func (s *dirSigner) succession(ctx context.Context, origin string) (newest string, earlier []string) {
	newest = transparency.VerifierKeyOf(ctx, s.Signer, origin)
	keys, err := s.Keys(ctx, origin)
	if err != nil {
		return newest, nil
	}
	for _, k := range keys {
		if k.VerifierKey != newest {
			earlier = append(earlier, k.VerifierKey)
		}
	}
	return newest, earlier
}

// rotatedKey is the public key of a generation; empty when it cannot be told.
func (s *dirSigner) rotatedKey(ctx context.Context, d *directory, collective string, generation uint32) string {
	facts, err := d.ledger.Facts(ctx, collective)
	if err != nil {
		return ""
	}
	key, err := s.Key(ctx, facts.Charter.GetLogOrigin(), generation)
	if err != nil {
		return ""
	}
	return key.VerifierKey
}

// secretsMax bounds the lines of a file secret.
const secretsMax = 256

// readSecrets reads the root secrets of a data directory, the first one first.
func readSecrets(dir string) ([][]byte, error) {
	path := filepath.Join(dir, secretFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failed(exitStorage, "缺少 %s,没有它就不能核对账簿;请从备份恢复这个文件。", "%s is missing and the log cannot be checked without it: restore the file from a backup.", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	secrets, err := parseSecrets(text)
	if err != nil {
		return nil, failed(exitVerified, "%s 已损坏;请从备份恢复这个文件。", "%s is damaged: restore the file from a backup.", path)
	}
	return secrets, nil
}

// parseSecrets reads a file secret: a root secret a line, 64 hexadecimal digits, the first one first.
func parseSecrets(text []byte) ([][]byte, error) {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > secretsMax {
		return nil, fmt.Errorf("%d secrets, more than %d", len(lines), secretsMax)
	}
	secrets := make([][]byte, len(lines))
	for i, line := range lines {
		secret, err := parseSecret([]byte(line))
		if err != nil {
			return nil, err
		}
		secrets[i] = secret
	}
	return secrets, nil
}

// private refuses a file with a secret that others can read.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return cannotOpen(path, err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return failed(exitUsage, "%[1]s 别人也能读,它是签名的密钥;请先运行:chmod 600 %[1]s。", "Others can read %[1]s, the secret that signs: run chmod 600 %[1]s first.", path)
	}
	return nil
}

// rotationOf says whether an event is a rotation of a log's key.
func rotationOf(e eventstore.Event) (transparency.Rotation, bool) {
	if e.Type != rotatedType {
		return transparency.Rotation{}, false
	}
	decoded, err := ledger.Decode(e)
	if err != nil {
		return transparency.Rotation{}, false // damage, which others tell
	}
	f := decoded.GetLogKeyRotated()
	return transparency.Rotation{Version: e.Version, Generation: f.GetGeneration(), OldKey: f.GetOldKey(), NewKey: f.GetNewKey()}, f != nil
}

var rotatedType = ledger.TypeName(&eventv1.Event{Fact: &eventv1.Event_LogKeyRotated{}})

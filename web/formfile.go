package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

const (
	formTextMax = 2 << 20   // bytes of everything typed in a form
	formBodyMax = 256 << 20 // bytes of a form with its files; the services have a limit for each
	pieceBytes  = 512 << 10 // of a file on its way to the services
	listMax     = 256 << 10 // bytes of a file of numbers
	listSuffix  = ".list"   // of the control for one
)

var errFormTooLarge = &problem{http.StatusRequestEntityTooLarge, "表单太大,没有收下。", "The form is too large and was not taken."}

// read takes what was typed and sends files on to the services as they come; what is left of them is a digest. Nothing is kept here.
func (f *filling) read() error {
	r := f.request
	r.Body = http.MaxBytesReader(f.writer, r.Body, formBodyMax)
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "multipart/form-data" {
		r.Body = http.MaxBytesReader(f.writer, r.Body, formTextMax)
		if err := r.ParseForm(); err != nil {
			return badForm(err)
		}
		for name, all := range r.PostForm {
			f.take(name, all[len(all)-1])
		}
		return nil
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return badForm(err)
	}
	for rest := int64(formTextMax); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badForm(err)
		}
		if part.FileName() != "" {
			if err := f.takeFile(part); err != nil {
				return err
			}
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, rest+1))
		if err != nil {
			return badForm(err)
		}
		if rest -= int64(len(text)); rest < 0 {
			return errFormTooLarge
		}
		f.take(part.FormName(), string(text))
	}
}

// take keeps what one control says. Of several of one name the last that says something counts; a browser writes line ends as CR LF.
func (f *filling) take(name, text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if text != "" || f.values[name] == "" {
		f.values[name] = text
	}
}

func badForm(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return errFormTooLarge
	}
	return &problem{http.StatusBadRequest, "表单没有传完整,请再试一次。", "The form did not arrive whole: try again."}
}

// takeFile sends a file to where papers are kept, or takes its digest alone. A file that is refused is a sentence beside its control.
func (f *filling) takeFile(part *multipart.Part) error {
	name := part.FormName()
	d := f.fieldOf(strings.TrimSuffix(name, listSuffix))
	if d != nil && d.listed {
		return f.takeList(d, strings.TrimSuffix(name, listSuffix), part)
	}
	if d == nil || (d.kind != kindFile && d.kind != kindDigest) {
		return nil // NextPart skips what was not read
	}
	if d.kind == kindDigest {
		sum := sha256.New()
		size, err := io.Copy(sum, part)
		if err != nil {
			return badForm(err)
		}
		if size > 0 {
			f.values[name+digestSuffix] = hex.EncodeToString(sum.Sum(nil))
			f.values[name+titleSuffix] = clipName(part.FileName())
		}
		return nil
	}
	kept, err := f.upload(part)
	if refusal := rpc.RefusalOf(err); refusal != nil {
		f.wrong[name] = f.sentence(refusal, "")
		return nil
	}
	if err != nil {
		return badForm(err)
	}
	if kept != nil {
		f.values[name+digestSuffix] = kept.Sha256
		f.values[name+mediaSuffix] = kept.MediaType
		f.values[name+sizeSuffix] = strconv.FormatUint(kept.Size, 10)
		f.values[name+titleSuffix] = clipName(part.FileName())
	}
	return nil
}

// takeList adds the numbers in a file of the bank to those that were typed: the first number of each line.
func (f *filling) takeList(d *field, name string, part io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(part, listMax+1))
	if err != nil {
		return badForm(err)
	}
	if len(data) > listMax {
		f.wrong[name] = f.text("这个文件太大。", "This file is too large.")
		return nil
	}
	text := strings.TrimSpace(f.values[name])
	for _, line := range strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' || r == '\r' }) {
		first := strings.FieldsFunc(line, func(r rune) bool { return r < '0' || r > '9' })
		if len(first) > 0 {
			text += "\n" + first[0]
		}
	}
	f.values[name] = strings.TrimSpace(text)
	return nil
}

// upload sends a file in pieces; nil for an empty one.
func (f *filling) upload(from io.Reader) (*apiv1.StoredDocument, error) {
	stream, err := f.site.documents.Upload(f.ctx)
	if err != nil {
		return nil, err
	}
	piece := make([]byte, pieceBytes)
	for sent := false; ; sent = true {
		n, err := io.ReadFull(from, piece)
		if n == 0 && !sent && errors.Is(err, io.EOF) {
			_, _ = stream.CloseAndReceive() // nothing was chosen
			return nil, nil
		}
		if n > 0 {
			if sendErr := stream.Send(&apiv1.UploadRequest{CollectiveId: f.collective(), Data: append([]byte(nil), piece[:n]...)}); sendErr != nil && !errors.Is(sendErr, io.EOF) {
				return nil, sendErr
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			_, _ = stream.CloseAndReceive()
			return nil, err
		}
	}
	answer, err := stream.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	return answer.Document, nil
}

// clipName is a file's name for showing it beside its control.
func clipName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if runes := []rune(name); len(runes) > 60 {
		name = string(runes[:57]) + "…"
	}
	return name
}

package support

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"time"
)

// A File is one of a bundle.
type File struct {
	Name    string
	Content []byte
}

// Write writes a bundle, a tar archive under gzip whose files lie in a folder.
func Write(to io.Writer, folder string, made time.Time, files []File) error {
	zipped := gzip.NewWriter(to)
	archive := tar.NewWriter(zipped)
	for _, f := range files {
		err := archive.WriteHeader(&tar.Header{Name: folder + "/" + f.Name, Mode: 0o600, Size: int64(len(f.Content)), ModTime: made})
		if err == nil {
			_, err = archive.Write(f.Content)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}

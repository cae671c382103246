package badgerstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// sectorSize is how many bytes a disk writes wholly or not at all. With 512, as old
// disks had it, ext4 refuses its own journal when the block that ends a transaction
// was half written, so the store is never reached.
const sectorSize = 4096

// A volatileDisk is a disk with a write cache that forgets when the power goes:
// only what was flushed before is sure to be there. Of what was written since,
// each sector holds the old bytes or any of the newer ones, whatever became of
// its neighbours, as if the disk had written in another order.
//
// It lives in the test and not in QEMU's cache, which would outlive a killed QEMU.
// QEMU reaches it as a network block device (NBD), so the test knows for each
// write whether its machine could have counted on it.
type volatileDisk struct {
	mu      sync.Mutex
	durable []byte
	cached  map[int64][][]byte // what was written to a sector since the last flush, oldest first
	left    int                // changes until the power is cut; below 0: not by counting
	off     chan struct{}      // closed when the power is cut

	writes, flushes, kept, lost int // requests; sectors in the cache when the power was cut
}

func newVolatileDisk(image []byte) *volatileDisk {
	return &volatileDisk{durable: image, cached: map[int64][][]byte{}}
}

// powerOn lets the disk be used, until so many writes and flushes were asked for.
func (d *volatileDisk) powerOn(changes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.off = changes, make(chan struct{})
}

// cut cuts the power: nothing is answered any more.
func (d *volatileDisk) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutLocked()
}

func (d *volatileDisk) cutLocked() {
	if d.isOff() {
		return
	}
	close(d.off)
	chance := []float64{0, 0.1, 0.5, 0.9, 1}[upTo(5)] // of a write to survive
	block := []int64{1, 4, 16}[upTo(3)]               // sectors that share their fate
	fates := map[int64]float64{}
	for sector, versions := range d.cached {
		f, ok := fates[sector/block]
		if !ok {
			f = float64(upTo(1<<20)) / (1 << 20)
			fates[sector/block] = f
		}
		if f >= chance {
			d.lost++
			continue
		}
		d.kept++
		copy(d.durable[sector*sectorSize:], versions[int(f/chance*float64(len(versions)))])
	}
	clear(d.cached)
}

func (d *volatileDisk) isOff() bool {
	select {
	case <-d.off:
		return true
	default:
		return false
	}
}

// spend counts a change and reports whether there is power for it. The change at
// which the power goes is still in the cache, but not answered.
func (d *volatileDisk) spend() bool {
	if d.isOff() {
		return false
	}
	if d.left > 0 {
		d.left--
	}
	return true
}

func (d *volatileDisk) write(p []byte, off int64, through bool) (powered bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.spend() {
		return false
	}
	d.writes++
	for ; len(p) > 0; p, off = p[sectorSize:], off+sectorSize {
		sector := off / sectorSize
		d.cached[sector] = append(d.cached[sector], p[:sectorSize])
		if through && d.left != 0 {
			d.settle(sector)
		}
	}
	if d.left == 0 {
		d.cutLocked()
	}
	return !d.isOff()
}

// settle makes durable what a sector holds.
func (d *volatileDisk) settle(sector int64) {
	versions := d.cached[sector]
	copy(d.durable[sector*sectorSize:], versions[len(versions)-1])
	delete(d.cached, sector)
}

func (d *volatileDisk) flush() (powered bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.spend() {
		return false
	}
	d.flushes++
	if d.left == 0 {
		d.cutLocked()
		return false
	}
	for sector := range d.cached {
		d.settle(sector)
	}
	return true
}

// read may begin and end within a sector: QEMU itself looks at the first 512 bytes.
func (d *volatileDisk) read(p []byte, off int64) (powered bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isOff() {
		return false
	}
	for len(p) > 0 {
		sector, within := off/sectorSize, off%sectorSize
		current := d.durable[sector*sectorSize:][:sectorSize]
		if versions := d.cached[sector]; versions != nil {
			current = versions[len(versions)-1]
		}
		n := copy(p, current[within:])
		p, off = p[n:], off+int64(n)
	}
	return true
}

// TestVolatileDisk: what was flushed or written through is kept, of the rest
// something is lost and something kept, and a disk without power says nothing.
func TestVolatileDisk(t *testing.T) {
	sectors := func(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n*sectorSize) }
	outcomes := map[byte]int{}
	for range 200 {
		d := newVolatileDisk(make([]byte, 64*sectorSize))
		d.powerOn(5)
		ok := d.write(sectors(1, 64), 0, false) && d.flush() && d.write(sectors(2, 32), 32*sectorSize, false) &&
			d.write(sectors(3, 8), 32*sectorSize, true)
		seen := make([]byte, 64*sectorSize)
		if !ok || !d.read(seen, 0) || !bytes.Equal(seen, slices.Concat(sectors(1, 32), sectors(3, 8), sectors(2, 24))) {
			t.Fatal("the machine doesn't read what it has written")
		}
		if d.flush() || d.write(sectors(4, 1), 0, true) || d.read(seen, 0) {
			t.Fatal("there is an answer after the power was cut")
		}
		if !bytes.Equal(d.durable[:40*sectorSize], slices.Concat(sectors(1, 32), sectors(3, 8))) {
			t.Fatal("something is lost that was flushed or written through")
		}
		for sector := range slices.Chunk(d.durable[40*sectorSize:], sectorSize) {
			if !bytes.Equal(sector, sectors(sector[0], 1)) {
				t.Fatal("half a sector was written")
			}
			outcomes[sector[0]]++
		}
	}
	if outcomes[1] == 0 || outcomes[2] == 0 || len(outcomes) != 2 {
		t.Errorf("what became of unflushed sectors: %v, want some lost and some kept", outcomes)
	}
}

// The part of NBD's protocol that QEMU needs, see
// https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
const (
	nbdMagic       = "NBDMAGICIHAVEOPT"
	nbdOption      = 0x49484156454F5054
	nbdOptionReply = 0x3e889045565a9
	nbdRequest     = 0x25609513
	nbdReply       = 0x67446698

	nbdHandshake   = 1 | 2     // options may be refused; no padding
	nbdExportName  = 1         // the one option that is understood
	nbdUnsupported = 1<<31 + 1 // the answer to others
	nbdFeatures    = 1 | 4 | 8 // flushes, and writes through the cache (FUA)

	nbdRead, nbdWrite, nbdDisconnect, nbdFlush = 0, 1, 2, 3
	nbdThrough                                 = 1
)

var errNBD = errors.New("not what NBD's protocol has here")

// serve answers a machine until it goes. When the power is cut it falls silent: a
// machine must not learn that its disk is gone.
func (d *volatileDisk) serve(conn net.Conn) error {
	if err := d.handshake(conn); err != nil {
		return fmt.Errorf("NBD handshake: %w", err)
	}
	for {
		powered, err := d.answer(conn)
		if err != nil {
			return err
		}
		if !powered {
			_, err := io.Copy(io.Discard, conn)
			return err
		}
	}
}

func (d *volatileDisk) handshake(conn net.Conn) error {
	if _, err := conn.Write(append([]byte(nbdMagic), 0, nbdHandshake)); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, conn, 4); err != nil { // flags, as ours
		return err
	}
	for {
		var option struct {
			Magic        uint64
			Kind, Length uint32
		}
		if err := binary.Read(conn, binary.BigEndian, &option); err != nil {
			return err
		}
		if option.Magic != nbdOption {
			return errNBD
		}
		if _, err := io.CopyN(io.Discard, conn, int64(option.Length)); err != nil {
			return err
		}
		if option.Kind == nbdExportName {
			answer := binary.BigEndian.AppendUint64(nil, uint64(len(d.durable)))
			_, err := conn.Write(binary.BigEndian.AppendUint16(answer, nbdFeatures))
			return err
		}
		answer := binary.BigEndian.AppendUint64(nil, nbdOptionReply)
		for _, n := range []uint32{option.Kind, nbdUnsupported, 0} {
			answer = binary.BigEndian.AppendUint32(answer, n)
		}
		if _, err := conn.Write(answer); err != nil {
			return err
		}
	}
}

// answer does what the next request asks for.
func (d *volatileDisk) answer(conn net.Conn) (powered bool, err error) {
	var r struct {
		Magic       uint32
		Flags, Kind uint16
		Cookie      uint64
		Offset      int64
		Length      uint32
	}
	if err := binary.Read(conn, binary.BigEndian, &r); err != nil {
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, fmt.Errorf("NBD request: %w", err)
	}
	end := r.Offset + int64(r.Length)
	if r.Magic != nbdRequest || r.Offset < 0 || end > int64(len(d.durable)) ||
		r.Kind == nbdWrite && (r.Offset|end)%sectorSize != 0 {
		return false, fmt.Errorf("NBD request %+v: %w", r, errNBD)
	}
	answer := binary.BigEndian.AppendUint64(nil, nbdReply<<32) // and no error
	answer = binary.BigEndian.AppendUint64(answer, r.Cookie)
	switch r.Kind {
	case nbdRead:
		data := make([]byte, r.Length)
		powered = d.read(data, r.Offset)
		answer = append(answer, data...)
	case nbdWrite:
		data := make([]byte, r.Length)
		if _, err := io.ReadFull(conn, data); err != nil {
			return false, fmt.Errorf("NBD write: %w", err)
		}
		powered = d.write(data, r.Offset, r.Flags&nbdThrough != 0)
	case nbdFlush:
		powered = d.flush()
	case nbdDisconnect:
		return false, nil
	default:
		return false, fmt.Errorf("NBD request %+v: %w", r, errNBD)
	}
	if powered {
		_, err = conn.Write(answer)
	}
	return powered, err
}

package main

import (
	"encoding/binary"
	"errors"
)

var errMalformed = errors.New("the bytes are not the layout that the protocol gives")

// A reader takes fields from received bytes (F): integers little-endian, counts checked before anything is read. After a fault all
// it gives is zero, and `end` says so.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(length int) []byte {
	if r.failed || length > len(r.rest) {
		r.failed = true
		return make([]byte, length)
	}
	taken := r.rest[:length]
	r.rest = r.rest[length:]
	return taken
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *reader) hash() hash  { return hash(r.take(32)) }

// count reads the number of elements before a vector, a byte string or a text.
func (r *reader) count(most uint32) int {
	count := r.u32()
	if count > most {
		r.failed = true
		return 0
	}
	return int(count)
}

func (r *reader) bytes(most uint32) []byte { return r.take(r.count(most)) }

// end says whether all was well formed and nothing is left.
func (r *reader) end() error {
	if r.failed || len(r.rest) > 0 {
		return errMalformed
	}
	return nil
}

func appendU32(to []byte, value uint32) []byte { return binary.LittleEndian.AppendUint32(to, value) }
func appendU64(to []byte, value uint64) []byte { return binary.LittleEndian.AppendUint64(to, value) }
func appendBytes(to, value []byte) []byte {
	return append(appendU32(to, uint32(len(value))), value...)
}

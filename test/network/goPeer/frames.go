package main

import (
	"encoding/binary"
	"fmt"
	"io"
)

// readFrame reads one frame (N-02): a u32 length of at least one and at most `most`, and that many bytes.
func readFrame(from io.Reader, most uint32) ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length == 0 || length > most {
		return nil, fmt.Errorf("a frame of %d bytes where 1 to %d are allowed", length, most)
	}
	frame := make([]byte, length)
	_, err := io.ReadFull(from, frame)
	return frame, err
}

func writeFrame(to io.Writer, frame []byte) error {
	_, err := to.Write(append(appendU32(nil, uint32(len(frame))), frame...))
	return err
}

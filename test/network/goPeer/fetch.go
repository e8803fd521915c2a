package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// N-04.
const (
	fetchProtocol   = "/karmesh/fetch/1"
	fetchFrameBytes = 65_536
	maxBodyBytes    = 50_000_000
	found           = 1
)

// fetchByHash asks a peer for the body with this SHA-256 and checks that it is the one.
func fetchByHash(ctx context.Context, node host.Host, from peer.ID, wanted hash) ([]byte, error) {
	stream, err := node.NewStream(ctx, from, fetchProtocol)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	if err := writeFrame(stream, appendU32(wanted[:], maxBodyBytes)); err != nil {
		return nil, err
	}
	frame, err := readFrame(stream, fetchFrameBytes)
	if err != nil {
		return nil, err
	}
	answer := reader{rest: frame}
	status, size := answer.u8(), answer.u32()
	if err := answer.end(); err != nil {
		return nil, err
	}
	if status != found || size > maxBodyBytes {
		return nil, fmt.Errorf("the peer does not send %s: status %d, %d bytes", wanted, status, size)
	}
	var body []byte
	for len(body) < int(size) {
		piece, err := readFrame(stream, fetchFrameBytes)
		if err != nil {
			return nil, err
		}
		body = append(body, piece...)
	}
	if len(body) != int(size) || sha256.Sum256(body) != wanted {
		return nil, errors.New("the body is not the one that was asked for")
	}
	return body, nil
}

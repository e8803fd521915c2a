package main

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// N-03.
const (
	aliveProtocol = "/karmesh/alive/1"
	beatBytes     = 8
	beatEvery     = 600 * time.Millisecond
	deadAfter     = 1600 * time.Millisecond
)

// answerBeats sends back every beat of peers that dialled us.
func answerBeats(node host.Host) {
	node.SetStreamHandler(aliveProtocol, func(stream network.Stream) {
		defer stream.Reset()
		for {
			beat, err := readFrame(stream, beatBytes)
			if err != nil || len(beat) != beatBytes || writeFrame(stream, beat) != nil {
				return
			}
		}
	})
}

// sendBeats beats to a peer that we dialled until one is not sent back in time, and then closes the connection.
func sendBeats(ctx context.Context, node host.Host, to peer.ID, answered func(count int)) error {
	defer node.Network().ClosePeer(to)
	stream, err := node.NewStream(ctx, to, aliveProtocol)
	if err != nil {
		return err
	}
	defer stream.Reset()
	for count := 1; ; count++ {
		beat := appendU64(nil, uint64(count))
		if err := writeFrame(stream, beat); err != nil {
			return err
		}
		if err := stream.SetReadDeadline(time.Now().Add(deadAfter)); err != nil {
			return err
		}
		echo, err := readFrame(stream, beatBytes)
		if err != nil {
			return err
		}
		if !bytes.Equal(echo, beat) {
			return errors.New("the peer sent back another beat")
		}
		answered(count)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(beatEvery):
		}
	}
}

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"os"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// N-07.
const (
	announceTopic  = "karmesh/announce/2"
	manifestsTopic = "karmesh/manifests/1"
)

// announceEvery is shorter than N-08 asks of a participant, so that those who come later hear this one soon.
const announceEvery = 2 * time.Second

type topics struct {
	self                peer.ID
	announce, manifests *pubsub.Topic
}

// messageID names a gossip message (N-06).
func messageID(message *pb.Message) string {
	id := sha256.Sum256(fmt.Appendf(nil, "karmesh:gossip:%s\x00%s", message.GetTopic(), message.GetData()))
	return string(id[:])
}

// joinTopics joins the topics with a check of what comes in, so that nothing false is handed on (N-06).
func joinTopics(ctx context.Context, node host.Host, domain hash) (*topics, error) {
	mesh, err := pubsub.NewGossipSub(ctx, node,
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
	)
	if err != nil {
		return nil, err
	}
	join := func(name string, check func(data []byte) error) *pubsub.Topic {
		if err != nil {
			return nil
		}
		err = mesh.RegisterTopicValidator(name, func(_ context.Context, _ peer.ID, message *pubsub.Message) pubsub.ValidationResult {
			if check(message.Data) != nil {
				return pubsub.ValidationReject
			}
			return pubsub.ValidationAccept
		})
		if err != nil {
			return nil
		}
		var topic *pubsub.Topic
		topic, err = mesh.Join(name)
		return topic
	}
	joined := &topics{
		self: node.ID(),
		announce: join(announceTopic, func(data []byte) error {
			_, err := parseAnnouncement(domain, data)
			return err
		}),
		manifests: join(manifestsTopic, func(data []byte) error {
			_, err := parseManifestReference(data)
			return err
		}),
	}
	return joined, err
}

// hear hands each message of a topic to `take`, with the peer that handed it on.
func (t *topics) hear(ctx context.Context, topic *pubsub.Topic, take func(from peer.ID, data []byte) error) {
	subscription, err := topic.Subscribe()
	if err != nil {
		panic(err)
	}
	for {
		message, err := subscription.Next(ctx)
		if err != nil {
			return
		}
		if message.ReceivedFrom == t.self {
			continue
		}
		if err := take(message.ReceivedFrom, message.Data); err != nil {
			fmt.Fprintln(os.Stderr, topic, err)
		}
	}
}

// announceForever says where this peer is, each time with a higher sequence of this life (N-10).
func (t *topics) announceForever(ctx context.Context, domain hash, key ed25519.PrivateKey, offer announcement) {
	offer.incarnation = uint64(time.Now().UnixMilli())
	for ctx.Err() == nil {
		offer.sequence++
		if err := t.announce.Publish(ctx, encodeAnnouncement(domain, key, offer)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(announceEvery):
		}
	}
}

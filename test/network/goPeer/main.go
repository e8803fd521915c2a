// A peer of Karmesh in Go, written from docs/protocol.md alone (section N) to show that the document is enough for another
// implementation. It joins, announces itself, hears announcements, and fetches the receipt set of every manifest it is told of.
//
// It writes one JSON object a line to stdout, {"event": …}, and ends when stdin does.
package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// hash is 32 bytes of SHA-256, or a key or an address, which have that length too.
type hash [32]byte

func (h hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText makes hexadecimal of hashes in events.
func (h hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Set and String make a hash a flag.
func (h *hash) Set(text string) error {
	bytes, err := hex.DecodeString(text)
	if err != nil || len(bytes) != len(h) {
		return fmt.Errorf("%q is not 64 hexadecimal digits", text)
	}
	copy(h[:], bytes)
	return nil
}

// events writes what happens; tell may be called from everywhere.
type events struct {
	mutex sync.Mutex
	out   *json.Encoder
}

func (e *events) tell(event string, facts map[string]any) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	line := map[string]any{"event": event}
	for name, value := range facts {
		line[name] = value
	}
	if err := e.out.Encode(line); err != nil {
		panic(err)
	}
}

func main() {
	var domain, seed, participant hash
	flag.Var(&domain, "domain", "domain of the cluster (F-01), 64 hexadecimal digits")
	flag.Var(&seed, "seed", "seed of the identity's Ed25519 key, 64 hexadecimal digits")
	flag.Var(&participant, "participant", "account that this peer announces, 64 hexadecimal digits")
	flag.Parse()
	if err := run(domain, seed, participant, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run joins the peers at these multiaddrs and lives until stdin ends.
func run(domain, seed, participant hash, addresses []string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	said := &events{out: json.NewEncoder(os.Stdout)}
	key := ed25519.NewKeyFromSeed(seed[:])
	node, err := openHost(key)
	if err != nil {
		return err
	}
	defer node.Close()
	answerBeats(node)
	topics, err := joinTopics(ctx, node, domain)
	if err != nil {
		return err
	}
	go topics.hear(ctx, topics.announce, func(from peer.ID, data []byte) error {
		heard, err := parseAnnouncement(domain, data)
		if err == nil {
			said.tell("announcement", heard.facts())
		}
		return err
	})
	go topics.hear(ctx, topics.manifests, func(from peer.ID, data []byte) error {
		reference, err := parseManifestReference(data)
		if err != nil {
			return err
		}
		body, err := fetchByHash(ctx, node, from, reference.bodyHash)
		if err != nil {
			return err
		}
		set, err := parseReceiptSet(body)
		if err != nil {
			return err
		}
		said.tell("receipt set", map[string]any{
			"epoch":          set.epoch,
			"entries":        len(set.entries),
			"bodyHash":       reference.bodyHash,
			"receiptSetRoot": set.root(domain),
		})
		return nil
	})
	for _, address := range addresses {
		info, err := peer.AddrInfoFromString(address)
		if err != nil {
			return err
		}
		if err := node.Connect(ctx, *info); err != nil {
			return err
		}
		go func() {
			err := sendBeats(ctx, node, info.ID, func(answered int) {
				said.tell("beats answered", map[string]any{"peer": info.ID, "count": answered})
			})
			said.tell("peer lost", map[string]any{"peer": info.ID, "because": err.Error()})
		}()
	}
	go topics.announceForever(ctx, domain, key, announcement{
		role:        validatorRole,
		participant: participant,
		multiaddrs:  textsOf(node.Addrs()),
	})
	said.tell("listening", map[string]any{"peer": node.ID(), "addresses": textsOf(node.Addrs())})
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// openHost makes a libp2p host as N-01 wants it: TCP, noise and yamux, with the identity's key as its peer id.
func openHost(key ed25519.PrivateKey) (host.Host, error) {
	identity, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return libp2p.New(
		libp2p.Identity(identity),
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	)
}

func textsOf[T fmt.Stringer](values []T) []string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = value.String()
	}
	return texts
}

package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
)

// N-08 and N-11.
const (
	announcementTag      = "karmesh:announcement:2"
	maxAnnouncementBytes = 8192
	maxAddresses         = 8
	maxAddressBytes      = 256
	maxModels            = 64
	noHealth             = 1
	someHealth           = 2
	healthStates         = 4
)

const validatorRole = 2

var roles = []string{"", "worker", "validator", "gateway"}

type announcement struct {
	identity    hash
	incarnation uint64
	sequence    uint64
	role        uint8
	participant hash
	multiaddrs  []string
	engineClass hash
	models      []hash
}

func announcementDigest(domain hash, body []byte) []byte {
	digest := sha256.New()
	digest.Write([]byte(announcementTag))
	digest.Write(domain[:])
	digest.Write(body)
	return digest.Sum(nil)
}

// encodeAnnouncement makes the bytes to gossip: the body as a byte string, and the signature over it.
func encodeAnnouncement(domain hash, key ed25519.PrivateKey, a announcement) []byte {
	body := append([]byte(nil), key.Public().(ed25519.PublicKey)...)
	body = appendU64(body, a.incarnation)
	body = appendU64(body, a.sequence)
	body = append(body, a.role)
	body = append(body, a.participant[:]...)
	body = appendU32(body, uint32(len(a.multiaddrs)))
	for _, address := range a.multiaddrs {
		body = appendBytes(body, []byte(address))
	}
	body = append(body, a.engineClass[:]...)
	body = appendU32(body, uint32(len(a.models)))
	for _, model := range a.models {
		body = append(body, model[:]...)
	}
	// A validator runs no engine.
	body = append(body, noHealth)
	return append(appendBytes(nil, body), ed25519.Sign(key, announcementDigest(domain, body))...)
}

// parseAnnouncement reads a gossiped announcement and checks that the identity in it signed it.
func parseAnnouncement(domain hash, data []byte) (announcement, error) {
	var a announcement
	wire := reader{rest: data}
	body := wire.bytes(maxAnnouncementBytes)
	signature := wire.take(ed25519.SignatureSize)
	if err := wire.end(); err != nil {
		return a, err
	}
	r := reader{rest: body}
	a.identity = r.hash()
	a.incarnation = r.u64()
	a.sequence = r.u64()
	a.role = r.u8()
	a.participant = r.hash()
	for left := r.count(maxAddresses); left > 0; left-- {
		a.multiaddrs = append(a.multiaddrs, string(r.bytes(maxAddressBytes)))
	}
	a.engineClass = r.hash()
	for left := r.count(maxModels); left > 0; left-- {
		a.models = append(a.models, r.hash())
	}
	switch r.u8() {
	case noHealth:
	case someHealth:
		if state := r.u8(); state == 0 || state > healthStates {
			return a, errMalformed
		}
		// Processor, memory, four counts of requests, speed.
		r.take(4 + 8 + 4*4 + 8)
	default:
		return a, errMalformed
	}
	if err := r.end(); err != nil {
		return a, err
	}
	if a.role == 0 || int(a.role) >= len(roles) {
		return a, errMalformed
	}
	if !ed25519.Verify(a.identity[:], announcementDigest(domain, body), signature) {
		return a, errors.New("the announcement is not signed by the identity that it names")
	}
	return a, nil
}

func (a announcement) facts() map[string]any {
	return map[string]any{
		"identity":    a.identity,
		"role":        roles[a.role],
		"participant": a.participant,
		"multiaddrs":  a.multiaddrs,
		"engineClass": a.engineClass,
		"models":      a.models,
	}
}

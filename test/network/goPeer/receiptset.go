package main

import "crypto/sha256"

// A manifestReference says where the manifest of an epoch is (N-09).
type manifestReference struct {
	epoch                  uint64
	manifestHash, bodyHash hash
}

func parseManifestReference(data []byte) (manifestReference, error) {
	r := reader{rest: data}
	reference := manifestReference{epoch: r.u64(), manifestHash: r.hash(), bodyHash: r.hash()}
	return reference, r.end()
}

const maxSetEntries = 1 << 20

type entry struct {
	hash  hash
	price uint64
}

// A receiptSet is the part of a manifest's body (E-31) that names its entries.
type receiptSet struct {
	epoch   uint64
	entries []entry
}

func parseReceiptSet(body []byte) (receiptSet, error) {
	r := reader{rest: body}
	set := receiptSet{epoch: r.u64()}
	for left := r.count(maxSetEntries); left > 0 && !r.failed; left-- {
		set.entries = append(set.entries, entry{hash: r.hash(), price: r.u64()})
	}
	// Groups, slot hashes and escrows follow; this peer draws nobody.
	if r.failed {
		return set, errMalformed
	}
	return set, nil
}

// root is the receiptSetRoot (E-32): the Merkle-sum tree (T-02) over the entries, padded with zero leaves to a power of two.
func (s receiptSet) root(domain hash) hash {
	if len(s.entries) == 0 {
		return hash{}
	}
	level := make([]entry, len(s.entries))
	for i, e := range s.entries {
		leaf := append([]byte{0}, domain[:]...)
		leaf = append(appendU64(leaf, s.epoch), e.hash[:]...)
		level[i] = entry{hash: sha256.Sum256(leaf), price: e.price}
	}
	// An absent node stands for what is missing of a power of two: zero at the leaves, above them what their parents are.
	absent := entry{}
	for len(level) > 1 {
		if len(level)%2 == 1 {
			level = append(level, absent)
		}
		above := make([]entry, len(level)/2)
		for i := range above {
			above[i] = parent(level[2*i], level[2*i+1])
		}
		absent = parent(absent, absent)
		level = above
	}
	return level[0].hash
}

func parent(left, right entry) entry {
	price := left.price + right.price
	inner := append([]byte{1}, left.hash[:]...)
	inner = appendU64(append(inner, right.hash[:]...), price)
	return entry{hash: sha256.Sum256(inner), price: price}
}

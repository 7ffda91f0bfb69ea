package snapshot

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
)

// Key is the snapshot's document in the store: gzipped JSON, one document,
// so that it is replaced as a whole or not at all.
const Key = "snapshot/recovery.json.gz"

// AsideKey is where Save puts a stored snapshot that cannot be read.
const AsideKey = Key + ".corrupt"

// ErrAccount: the stored snapshot was captured in another account.
var ErrAccount = errors.New("the state directory belongs to another account")

// Load returns the stored snapshot, nil if nothing was ever captured.
// Unreadable bytes are journal.ErrCorrupt.
func Load(ctx context.Context, store journal.Store) (*topology.Snapshot, error) {
	s, _, err := load(ctx, store)
	return s, err
}

func load(ctx context.Context, store journal.Store) (*topology.Snapshot, string, error) {
	data, rev, err := store.Get(ctx, Key)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("recovery snapshot: %w", err)
	}
	s, err := decode(data)
	if err != nil {
		return nil, rev, &journal.CorruptError{File: journal.Locate(store, Key), Line: 1, Reason: err.Error()}
	}
	return s, rev, nil
}

// Save merges a capture into the stored snapshot and returns the result.
// Two captures at the same time both get in. One that cannot be read is kept
// under AsideKey and replaced. Save refuses to mix accounts: ErrAccount.
func Save(ctx context.Context, store journal.Store, fresh *topology.Snapshot) (*topology.Snapshot, error) {
	for {
		old, rev, err := load(ctx, store)
		if errors.Is(err, journal.ErrCorrupt) {
			err = setAside(ctx, store)
		}
		if err != nil {
			return nil, err
		}
		if old != nil && old.Account != "" && fresh.Account != "" && old.Account != fresh.Account {
			return nil, fmt.Errorf("recovery snapshot is of account %s, this is %s: %w; give each its own --state-dir",
				old.Account, fresh.Account, ErrAccount)
		}
		merged := Merge(old, fresh)
		data, err := encode(merged)
		if err != nil {
			return nil, fmt.Errorf("recovery snapshot: %w", err)
		}
		if _, err = store.Put(ctx, Key, data, rev); err == nil {
			return merged, nil
		}
		if !errors.Is(err, journal.ErrConflict) {
			return nil, fmt.Errorf("recovery snapshot: %w", err)
		}
	}
}

// setAside keeps the bytes that could not be read: a person may get something
// out of them.
func setAside(ctx context.Context, store journal.Store) error {
	data, _, err := store.Get(ctx, Key)
	if err == nil {
		err = journal.Replace(ctx, store, AsideKey, data)
	}
	if err != nil {
		return fmt.Errorf("keep the recovery snapshot that cannot be read: %w", err)
	}
	return nil
}

func encode(s *topology.Snapshot) ([]byte, error) {
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	if err := json.NewEncoder(zip).Encode(s); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// decode reads to the end, so that the checksum of gzip is verified.
func decode(data []byte) (*topology.Snapshot, error) {
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(zip)
	if err != nil {
		return nil, err
	}
	s := &topology.Snapshot{}
	if err := json.Unmarshal(plain, s); err != nil {
		return nil, err
	}
	return s, nil
}

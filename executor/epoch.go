package executor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/understudy-dr/understudy/internal/journal"
)

// epochs are those of sessions, in a line of a journal.
var epochs = regexp.MustCompile(`"epoch":(\d{1,15})\b`)

// lastEpoch is the highest epoch that any run tells of, for a lease whose own
// document is lost: by its id, and by each session in its journal. Damaged
// journals count line by line, whatever the chain says: an epoch that is one
// too high does no harm, one that is used again makes two controllers.
func lastEpoch(ctx context.Context, s journal.Store) (int64, error) {
	ids, err := runIDs(ctx, s)
	if err != nil {
		return 0, err
	}
	var last int64
	for _, id := range ids {
		last = max(last, epochOf(id))
		for line, err := range s.ReadLog(ctx, logKey(id)) {
			if errors.Is(err, journal.ErrNotFound) {
				break
			}
			if err != nil {
				return 0, fmt.Errorf("run %s: %w", id, err)
			}
			for _, m := range epochs.FindAllSubmatch(line, -1) {
				epoch, _ := strconv.ParseInt(string(m[1]), 10, 64) // at most 15 digits
				last = max(last, epoch)
			}
		}
	}
	return last, nil
}

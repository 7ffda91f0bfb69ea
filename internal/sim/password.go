package sim

import (
	"math/rand/v2"
	"strings"
)

type randomPasswordInput struct {
	PasswordLength          *int
	ExcludeCharacters       *string
	ExcludeNumbers          bool
	ExcludePunctuation      bool
	ExcludeUppercase        bool
	ExcludeLowercase        bool
	IncludeSpace            bool
	RequireEachIncludedType *bool
}

func (in *randomPasswordInput) check(m *members) {
	m.between("passwordLength", in.PasswordLength, 1, 4096)
	m.length("excludeCharacters", in.ExcludeCharacters, 0, 4096)
}

func (r *request) getRandomPassword(in *randomPasswordInput) (any, error) {
	length := 32
	if in.PasswordLength != nil {
		length = *in.PasswordLength
	}
	letters := passwordLetters{
		exclude: deref(in.ExcludeCharacters), space: in.IncludeSpace,
		noNumbers: in.ExcludeNumbers, noPunctuation: in.ExcludePunctuation,
		noUpper: in.ExcludeUppercase, noLower: in.ExcludeLowercase,
		mixed: in.RequireEachIncludedType == nil || *in.RequireEachIncludedType,
	}
	kinds := letters.kinds()
	switch {
	case len(kinds) == 0:
		return nil, invalidParameter("All characters are excluded: no password can be generated.")
	case letters.mixed && length < len(kinds):
		return nil, invalidParameter("Password length %d is too short based on the required types.", length)
	}
	return struct{ RandomPassword string }{randomPassword(r.cloud.rng, length, letters)}, nil
}

// passwordLetters say what a password is made of.
type passwordLetters struct {
	exclude                                    string
	noNumbers, noPunctuation, noUpper, noLower bool
	space                                      bool
	mixed                                      bool // at least one of each kind
}

// kinds are the sets of characters to draw from, none of them empty.
func (l passwordLetters) kinds() []string {
	var kinds []string
	add := func(not bool, set string) {
		set = strings.Map(func(r rune) rune {
			if strings.ContainsRune(l.exclude, r) {
				return -1
			}
			return r
		}, set)
		if !not && set != "" {
			kinds = append(kinds, set)
		}
	}
	add(l.noLower, "abcdefghijklmnopqrstuvwxyz")
	add(l.noUpper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	add(l.noNumbers, "0123456789")
	add(l.noPunctuation, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
	add(!l.space, " ")
	return kinds
}

func randomPassword(rng *rand.Rand, length int, letters passwordLetters) string {
	kinds := letters.kinds()
	all := strings.Join(kinds, "")
	b := make([]byte, length)
	for i := range b {
		b[i] = all[rng.IntN(len(all))]
	}
	if letters.mixed && length >= len(kinds) {
		for i, at := range rng.Perm(length)[:len(kinds)] {
			b[at] = kinds[i][rng.IntN(len(kinds[i]))]
		}
	}
	return string(b)
}

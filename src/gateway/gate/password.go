package gate

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What a hash may cost: a login must not be a way to fill the gateway's memory.
const (
	mostMemoryKiB = 64 << 10
	mostPasses    = 10
	longestSecret = 1024
)

// verifying lets one password be hashed at a time, for the same reason.
var verifying = make(chan struct{}, 1)

type argonHash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

// check finds out early that nobody could log in with it.
func (u *User) check() error {
	switch {
	case (u.Password == "") == (u.Hash == ""):
		return errors.New("exactly one of password and hash is needed")
	case strings.HasPrefix(u.Hash, "$argon2id$"):
		_, err := parseArgon(u.Hash)
		return err
	case u.Hash != "":
		cost, err := bcrypt.Cost([]byte(u.Hash))
		if err == nil && cost > 14 {
			return fmt.Errorf("a bcrypt cost of %d takes too long; at most 14", cost)
		}
		return err
	}
	return nil
}

// verify says whether this is the user's password. A nil user takes as long as the slowest one that exists.
func (d *App) verify(user *User, password string) bool {
	if len(password) > longestSecret {
		return false
	}
	if user == nil {
		for i := range d.Users {
			if d.Users[i].Hash != "" {
				d.Users[i].matches(password)
				break
			}
		}
		return false
	}
	return user.matches(password)
}

func (u *User) matches(password string) bool {
	if u.Password != "" {
		given, wanted := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(u.Password))
		return subtle.ConstantTimeCompare(given[:], wanted[:]) == 1
	}
	verifying <- struct{}{}
	defer func() { <-verifying }()
	if !strings.HasPrefix(u.Hash, "$argon2id$") {
		return bcrypt.CompareHashAndPassword([]byte(u.Hash), []byte(password)) == nil
	}
	hash, err := parseArgon(u.Hash)
	if err != nil {
		return false
	}
	sum := argon2.IDKey([]byte(password), hash.salt, hash.time, hash.memory, hash.threads, uint32(len(hash.sum)))
	return subtle.ConstantTimeCompare(sum, hash.sum) == 1
}

// parseArgon reads $argon2id$v=19$m=19456,t=2,p=1$salt$sum.
func parseArgon(text string) (argonHash, error) {
	var hash argonHash
	fields := strings.Split(text, "$")
	if len(fields) != 6 || fields[2] != "v=19" {
		return hash, errors.New("the hash must have the form $argon2id$v=19$m=...,t=...,p=...$salt$sum")
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &hash.memory, &hash.time, &hash.threads); err != nil {
		return hash, fmt.Errorf("the hash's parameters can't be read: %w", err)
	}
	var errs [2]error
	hash.salt, errs[0] = base64.RawStdEncoding.DecodeString(fields[4])
	hash.sum, errs[1] = base64.RawStdEncoding.DecodeString(fields[5])
	if err := errors.Join(errs[:]...); err != nil {
		return hash, err
	}
	if hash.memory > mostMemoryKiB || hash.time > mostPasses || hash.time < 1 || hash.threads < 1 {
		return hash, fmt.Errorf("a hash may take at most m=%d, t=%d", mostMemoryKiB, mostPasses)
	}
	if len(hash.salt) < 8 || len(hash.sum) < 16 || len(hash.sum) > 128 {
		return hash, errors.New("the hash's salt or sum is too short or too long")
	}
	return hash, nil
}

package gate

import (
	"strings"
	"testing"
)

// Made by `./datalab secrets hash-password` (src/ops/password.ts), of the password beside it.
const (
	argonOfWords   = "$argon2id$v=19$m=19456,t=2,p=1$PlJ2rvaOcCDpfc5TSYRh4A$M6PD6PQwxWssyCqSJjyWH7b+fruhqR/zt+OsI5jJyXw"
	argonOfUnicode = "$argon2id$v=19$m=19456,t=2,p=1$m16GT0+O2IzAWcJh0QQGyQ$QdX06d6I9DHUWd+3+D90ZnTBw6dd3j/AO8t02w1biEc"
)

// Made by other programs: the first stands in bcrypt's own test vectors, the others are crypt(3)'s.
const (
	bcryptOfAllmine = "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga"
	bcryptOfWords2b = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"
	bcryptOfWords2y = "$2y$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"
)

const words = "correct horse battery"

func TestPasswords(t *testing.T) {
	for name, test := range map[string]struct {
		user  User
		right string
	}{
		"plain":            {User{Password: words}, words},
		"argon2id":         {User{Hash: argonOfWords}, words},
		"argon2id, UTF-8":  {User{Hash: argonOfUnicode}, "Grüße, żółw 龜"},
		"bcrypt 2a":        {User{Hash: bcryptOfAllmine}, "allmine"},
		"bcrypt 2b":        {User{Hash: bcryptOfWords2b}, words},
		"bcrypt 2y":        {User{Hash: bcryptOfWords2y}, words},
		"another argon2id": {User{Hash: strings.Replace(argonOfWords, "t=2", "t=3", 1)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.user.Name = "ann"
			if err := test.user.check(); err != nil {
				t.Fatalf("it is refused: %v", err)
			}
			app := &App{Users: []User{test.user}}
			if test.right != "" && !app.verify(&app.Users[0], test.right) {
				t.Error("the right password is refused")
			}
			wrong := []string{
				"", " ", test.right + " ", strings.ToUpper(test.right), "correct horse batterz", test.user.Hash,
				strings.Repeat("a", longestSecret), strings.Repeat("a", longestSecret+1), "\x00" + test.right,
			}
			for _, password := range wrong {
				if password != test.right && app.verify(&app.Users[0], password) {
					t.Errorf("the wrong password %.30q is taken", password)
				}
			}
			// Nobody's password is anybody's.
			if app.verify(nil, test.right) {
				t.Error("a user who does not exist comes in")
			}
		})
	}
}

func TestPasswordsThatNobodyCouldUse(t *testing.T) {
	argon := func(old, new string) User { return User{Hash: strings.Replace(argonOfWords, old, new, 1)} }
	for name, test := range map[string]struct {
		user User
		says string
	}{
		"neither":               {User{}, "exactly one of password and hash"},
		"both":                  {User{Password: words, Hash: argonOfWords}, "exactly one of password and hash"},
		"no hash at all":        {User{Hash: words}, "crypto/bcrypt"},
		"a short bcrypt hash":   {User{Hash: bcryptOfWords2b[:30]}, "crypto/bcrypt"},
		"a slow bcrypt hash":    {User{Hash: strings.Replace(bcryptOfAllmine, "$10$", "$15$", 1)}, "cost of 15"},
		"another version":       {argon("v=19", "v=16"), "must have the form $argon2id$v=19$"},
		"a part too few":        {argon("$v=19", ""), "must have the form $argon2id$v=19$"},
		"letters as parameters": {argon("m=19456", "m=lots"), "can't be read"},
		"more threads than fit": {argon("p=1", "p=256"), "can't be read"},
		"too much memory":       {argon("m=19456", "m=65537"), "at most m=65536, t=10"},
		"too many passes":       {argon("t=2", "t=11"), "at most m=65536, t=10"},
		"no pass":               {argon("t=2", "t=0"), "at most m=65536, t=10"},
		"no thread":             {argon("p=1", "p=0"), "at most m=65536, t=10"},
		"a broken salt":         {argon("PlJ2rvaOcCDpfc5TSYRh4A", "PlJ2*"), "base64"},
		"a short salt":          {argon("PlJ2rvaOcCDpfc5TSYRh4A", "PlJ2"), "salt or sum"},
		"a short sum":           {User{Hash: argonOfWords[:len(argonOfWords)-27]}, "salt or sum"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.user.check()
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("received %v, expected %q", err, test.says)
			}
			// What is said is logged: it must not carry the hash.
			if err != nil && test.user.Hash != "" && strings.Contains(err.Error(), test.user.Hash) {
				t.Errorf("%v has the hash in it", err)
			}
		})
	}
}

package pgstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

// benchConns is how many connections both sides of a comparison have.
const benchConns = 16

// sealed is a value as the gateway keeps them: it doesn't compress.
func sealed(b *testing.B, size int) []byte {
	value := make([]byte, size)
	if _, err := rand.Read(value); err != nil {
		b.Fatal(err)
	}
	return value
}

func benchmarkCommit(b *testing.B, writes func(n int64, value []byte) []store.Write) {
	for _, callers := range []int{1, 8, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := openTest(b, Options{URL: server.Database(b), MaxConns: benchConns})
			value := sealed(b, 1024)
			storetest.Share(b, callers, func(n int64) error {
				_, err := s.Commit(b.Context(), writes(n, value)...)
				return err
			})
		})
	}
}

func BenchmarkCommit(b *testing.B) {
	benchmarkCommit(b, func(n int64, value []byte) []store.Write {
		return []store.Write{{Key: fmt.Sprint(n), Value: value}}
	})
}

// BenchmarkCommitMany: a record and two indexes of it.
func BenchmarkCommitMany(b *testing.B) {
	benchmarkCommit(b, func(n int64, value []byte) []store.Write {
		key := fmt.Sprint(n)
		return []store.Write{{Key: key, Value: value, If: store.If(store.Absent)}, {Key: key + "/a"}, {Key: key + "/b"}}
	})
}

func BenchmarkAnnounce(b *testing.B) {
	benchmarkCommit(b, func(n int64, value []byte) []store.Write {
		return []store.Write{{Key: fmt.Sprint(n), Value: value}, {Op: store.Announce, Key: "topic", Value: value[:32]}}
	})
}

// BenchmarkPlainInsert is what pgx and the database can do at best.
func BenchmarkPlainInsert(b *testing.B) {
	for _, callers := range []int{1, 8, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := plainPool(b)
			value := sealed(b, 1024)
			storetest.Share(b, callers, func(n int64) error {
				_, err := pool.Exec(b.Context(), `INSERT INTO plain (key, value) VALUES ($1, $2)`, []byte(fmt.Sprint(n)), value)
				return err
			})
		})
	}
}

func plainPool(b *testing.B) *pgxpool.Pool {
	config, err := pgxpool.ParseConfig(server.Database(b))
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = benchConns
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if _, err := pool.Exec(b.Context(), `CREATE TABLE plain (key bytea PRIMARY KEY, value bytea NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	return pool
}

func BenchmarkGet(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := openTest(b, Options{URL: server.Database(b), MaxConns: benchConns})
			const records = 1000
			value := sealed(b, 1024)
			for n := range records {
				if _, err := s.Commit(b.Context(), store.Write{Key: fmt.Sprint(n), Value: value}); err != nil {
					b.Fatal(err)
				}
			}
			storetest.Share(b, callers, func(n int64) error {
				_, err := s.Get(b.Context(), fmt.Sprint(n%records))
				return err
			})
		})
	}
}

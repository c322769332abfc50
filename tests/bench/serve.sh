#!/bin/sh
# Measures our server against nginx with the same bytes and headers, in turns on this machine:
# requests per second and latency of `wrk -t1 -c64` over kept connections.
#
# Needs nginx and wrk. Usage: tests/bench/serve.sh [ROUNDS] [SECONDS]
set -eu

rounds=${1:-3}
seconds=${2:-10}
ours=127.0.0.1:18080
theirs=127.0.0.1:18081

for tool in nginx wrk curl awk; do
    command -v "$tool" >/dev/null || { echo "serve.sh needs $tool" >&2; exit 1; }
done
cargo build --release --example serve_bench
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
work=$(mktemp -d)
server='' proxy=''
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    [ -z "$proxy" ] || kill "$proxy" 2>/dev/null || :
    wait
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
mkdir "$work/www"
chmod 755 "$work" "$work/www"

"$target/release/examples/serve_bench" "$ours" "$work/www/doc" &
server=$!
cat >"$work/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=10;
    default_type application/json;
    server {
        listen $theirs;
        root $work/www;
        add_header Cache-Control "public, max-age=15, stale-while-revalidate=60, stale-if-error=300";
        add_header Vary Accept-Encoding;
        add_header Access-Control-Allow-Origin *;
        add_header X-Content-Type-Options nosniff;
        add_header Referrer-Policy no-referrer;
        add_header Content-Security-Policy "default-src 'none'; frame-ancestors 'self'";
    }
}
CONF
nginx -c "$work/nginx.conf" -p "$work" &
proxy=$!
for address in "$ours" "$theirs"; do
    tries=0
    until curl -fsS -o "$work/answer" "http://$address/doc" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || { echo "nobody answers on $address" >&2; exit 1; }
        sleep 0.1
    done
    cmp "$work/answer" "$work/www/doc"
done

# What a process has used so far, in clock ticks of 10 ms.
ticks() {
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# In words of wrk: requests per second, p50, p99; CPU of the server per request; errors. The CPU
# tells the two apart also on a machine that has other work to do.
measure() {
    before=$(ticks "$2")
    wrk -t1 -c64 -d"${seconds}s" --latency "http://$1/doc" >"$work/wrk"
    used=$(($(ticks "$2") - before))
    awk -v used="$used" '/Requests\/sec/ { rate = $2 } /50%/ { p50 = $2 } /99%/ { p99 = $2 }
         /requests in/ { requests = $1 }
         /Socket errors|Non-2xx/ { errors = errors " ERRORS:" $0 }
         END { printf "%d %s %s %.2fus%s\n", rate, p50, p99, used * 10000 / requests, errors }' "$work/wrk"
}

worker=$(cat "/proc/$proxy/task/$proxy/children" | tr -d ' ')
measure "$ours" "$server" >/dev/null
measure "$theirs" "$worker" >/dev/null
echo "            requests/s p50 p99 CPU/request"
round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    a=$(measure "$ours" "$server")
    b=$(measure "$theirs" "$worker")
    echo "$a $b" | awk -v round="$round" '{
        print "round", round, "ours ", $1, $2, $3, $4
        print "round", round, "nginx", $5, $6, $7, $8
        printf "round %d requests/s %.2fx nginx, CPU %.2fx\n", round, $1 / $5, $4 / $8
    }'
    case "$a$b" in *ERRORS*) echo "$a / $b" ;; esac
done

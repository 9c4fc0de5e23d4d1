"""Busybox's applets, each with a command whose output does not depend on the machine.

applets.expected holds what Debian's Linux printed; `applets.py --record` writes it anew."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = os.path.join(HERE, "applets.expected")

# Each runs by itself in an empty directory of its own, /tmp/APPLET, under sh.
COMMANDS = r"""
[: [ 3 -gt 2 ] && [ -d / ] && [ ! -e /nosuch ] && echo yes
arch: arch
ash: ash -c 'echo $((1<<40)) ${x:-unset} ${#PATH}'
awk: seq 5 | awk '{ s += $1 * $1 } END { print s, NR, substr("hello", 2, 3) }'
base64: echo hello | base64; echo aGVsbG8K | base64 -d
basename: basename /a/b/c.txt .txt
bc: echo 'scale=20; 4*a(1); 2^100' | bc -l
bzip2: seq 1000 > f; bzip2 f; bunzip2 -c f.bz2 | md5sum; bzcat f.bz2 | tail -n 1
cal: cal 2 2024
cat: printf 'a\nb\n' > f; cat -n f - < f
chgrp: touch f; chgrp 5 f; stat -c %g f
chmod: touch f; for m in 644 u+x g=w o+rt 4755; do chmod $m f; stat -c %a f; done; chmod 1777 .; ls -ld . | cut -c 1-10
chown: touch f; chown 12:34 f; stat -c '%u %g' f
chroot: mkdir -p r/bin; cp /bin/busybox r/bin/; chroot r /bin/busybox ls /; chroot r /bin/busybox pwd
cmp: echo a > x; echo b > y; cmp x y; echo $?; cmp x x; echo $?
cp: mkdir -p a/b; echo t > a/b/f; ln -s f a/b/l; cp -a a c; ls -l c/b | awk 'NR > 1 { print $1, $9, $10, $11 }'; cat c/b/l
cpio: mkdir d; echo x > d/f; find d | sort | cpio -o -H newc 2>/dev/null > o; mkdir e; cd e; cpio -i < ../o 2>/dev/null; find . | sort; cat d/f
crc32: printf 123456789 > f; crc32 f
cut: echo a:b:c:d | cut -d : -f 2-3; echo abcdef | cut -c 2,4-5
date: date -u -d @86400 '+%F %T %a %j'; TZ=UTC-2 date -d @0 +%H
dc: echo '2 64 ^ p 5 k 1 3 / p' | dc
dd: seq 1000 | dd bs=10 skip=2 count=3 2> log; cat log | head -n 2; dd if=/dev/zero of=s bs=1 seek=1M count=1 2> /dev/null; stat -c '%s %b' s
diff: seq 5 > a; seq 2 6 > b; diff -u a b | tail -n +3; diff a a; echo $?
dirname: dirname /a/b/c
dos2unix: printf 'a\r\nb\r\n' > f; dos2unix f; xxd -p f; unix2dos f; xxd -p f
du: mkdir d; dd if=/dev/zero of=d/f bs=4k count=5 2> /dev/null; du -k d/f; ln d/f d/g; du -k d | cut -f 1
echo: echo -e 'a\tb\x41\0101'; echo -n c
ed: printf 'a\nline one\nline two\n.\n1s/one/1/\nw f\nq\n' | ed; cat f
egrep: printf 'ab\ncd\nabab\n' | egrep '^(ab)+$'
env: env -i A=1 B=2 env | sort; env -u HOME sh -c 'echo ${HOME-none}'
expand: printf 'a\tb\n' | expand -t 4; printf 'a       b\n' | unexpand -a
expr: expr 3 \* 7 + 1; expr length hello; expr abc : 'a\(.\)'
factor: factor 1234567890123 97
fallocate: fallocate -l 10000 f; stat -c '%s %b' f
false: false; echo $?
find: mkdir -p a/b; touch a/x.c a/b/y.c a/z.h; chmod 700 a/z.h; find . -name '*.c' | sort; find . -type d -exec echo dir {} \; | sort; find . -perm 700 -type f; find . -newer a/x.c -o -empty | sort | head -n 1
fold: echo abcdefghij | fold -w 4
getopt: getopt -o ab: -- -a -b x rest
grep: seq 20 | grep -c 1; seq 20 | grep -n '^1.$' | head -n 3; echo abc | grep -o b; grep -r needle . ; echo needle > n; grep -rl needle .
gzip: seq 1000 > f; gzip -9 f; gunzip -c f.gz | md5sum; zcat f.gz | wc -c; gzip -t f.gz; echo $?
head: seq 10 | head -n 2; seq 10 | head -c 3
hexdump: echo hello | hexdump -C
hostname: hostname; hostname changed; hostname; hostname ashlar
id: id -u; id -g; id
install_links: ls -l /bin/sh | awk '{ print $NF }'
kill: sleep 100 & kill $!; wait $! 2> /dev/null; echo $?; kill -l 9; kill -0 $$ && echo alive
killall: sleep 777 & until killall sleep 2> /dev/null; do :; done; wait $! 2> /dev/null; echo $?
less: seq 3 | less | cat
link: echo x > a; link a b; stat -c %h b; unlink a; stat -c %h b
ln: echo t > a; ln a b; ln -s a c; ln -sf b c; readlink c; stat -c '%h' a; cat c; ln a b 2>&1
logname: whoami
ls: mkdir d; touch -d '2020-01-02 03:04:05' d/f; ln -s f d/l; mkfifo d/p; chmod 4711 d/f; ls -ln --full-time d | awk 'NR > 1 { print $1, $2, $3, $4, $9, $10, $11 }'; ls -1aF d; ls -l d/f | awk '{ print $6, $7, $8 }'
lzma: echo QlpoOTFBWSZTWQ== | base64 -d | xxd -p; seq 100 > f; xz -h 2>&1 | head -n 1 | cut -c 1-5
md5sum: seq 10000 | md5sum; seq 3 > f; md5sum f > s; md5sum -c s
mkdir: mkdir -p -m 750 a/b/c; stat -c '%a %n' a/b/c a; mkdir a 2>&1; mkdir x/y 2>&1
mkfifo: mkfifo p; stat -c %F p; (seq 3 > p &) ; cat p
mknod: mknod n c 1 3; stat -c '%F %t %T' n; echo gone > n; wc -c < n; mknod z c 1 5; dd if=z bs=4 count=1 2> /dev/null | xxd -p
mktemp: f=$(mktemp /tmp/mktemp/XXXXXX); stat -c '%a %s' $f; d=$(mktemp -d -p .); stat -c %a $d
more: seq 3 | more | cat
mount: mkdir m; mount -t tmpfs -o size=64k,mode=700 t m; stat -c %a m; dd if=/dev/zero of=m/f bs=1k count=100 2>&1 | head -n 1; stat -c %s m/f; mount -o remount,ro m; touch m/g 2>&1; umount m; ls m; umount m 2>&1
mv: echo a > a; echo b > b; mv a b; cat b; ls; mkdir d e; touch d/f; mv d e; ls e/d; mv b e/d/f; cat e/d/f; mv e e/d 2>&1
nl: printf 'a\n\nb\n' | nl -b a
nproc: nproc > n; test $(cat n) -ge 1 && echo some
od: echo hello | od -A d -t x1; printf '\001\002\003\004' | od -t d4 -A n
paste: seq 3 > a; seq 4 6 > b; paste -d , a b
patch: printf 'a\nb\nc\n' > f; printf -- '--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n' | patch; cat f
pidof: sleep 555 & until pidof sleep > /dev/null; do :; done; test "$(pidof sleep)" = $! && echo same; kill $!; wait $! 2> /dev/null
printf: printf '%5.2f|%-5s|%05d|%x|%c|%b\n' 3.14159 ab 42 255 xyz 'a\tb'
ps: sleep 333 & until pidof sleep > /dev/null; do :; done; ps -o pid,ppid,comm | grep -c sleep; kill $!; wait $! 2> /dev/null
pwd: mkdir -p a; ln -s a l; cd l; pwd; pwd -P
readlink: ln -s /a/b l; readlink l; mkdir d; readlink -f d/../d; readlink nosuch; echo $?
realpath: mkdir -p a/b; ln -s a/b l; realpath l
renice: sleep 99 & renice -n 3 $! ; cut -d ' ' -f 19 /proc/$!/stat; kill $!; wait $! 2> /dev/null
rev: echo abc | rev
rm: mkdir -p a/b; touch a/b/c; rm a 2>&1; rm -r a; ls; rm nosuch 2>&1; rm -f nosuch; echo $?
rmdir: mkdir -p a/b; rmdir a 2>&1; rmdir -p a/b; ls
sed: seq 5 | sed -n '2,4{s/^/x/;p}'; echo abc > f; sed -i s/b/B/ f; cat f
seq: seq -w 8 10; seq 10 -3 1; seq -s , 3
setsid: setsid sh -c 'set -- $(cut -d " " -f 1,5,6 /proc/$$/stat); [ $1 = $2 ] && [ $1 = $3 ] && echo leader'
sh: sh -c 'f() { return 3; }; f; echo $?; echo ${PPID:+parent}; readonly r=1; (r=2) 2>&1; umask'
sha1sum: seq 1000 | sha1sum
sha256sum: seq 1000 | sha256sum
sha512sum: seq 1000 | sha512sum
shuf: seq 100 | shuf | sort -n | md5sum
sleep: sleep 0.1; echo $?; usleep 1000; echo $?
sort: printf 'b 2\na 10\nc 1\n' | sort; printf 'b 2\na 10\nc 1\n' | sort -k 2 -n; seq 2000 | sort -r -n | head -n 1
split_tail: seq 100 > f; tail -n 2 f; tail -c 4 f; tail -n +99 f
stat: echo 12345 > f; ln f g; stat -c '%F %s %h %a %u %g %b %B %o' f; stat -c '%F %a' /tmp /dev/null; stat -f -c '%T %s' /tmp; stat nosuch 2>&1
strings: printf 'ab\0hello world\001xy' > f; strings f
su: su nobody -s /bin/sh -c 'id -u; touch /etc/x 2>&1'
sync: echo x > f; sync; fsync f 2>/dev/null; cat f
sysctl: sysctl -n kernel.ostype; sysctl kernel.hostname
tac: seq 3 | tac
tar: mkdir -p d/e; echo x > d/e/f; ln -s e/f d/l; ln d/e/f d/h; chmod 640 d/e/f; tar czf t.gz d; mkdir o; tar xzf t.gz -C o; cd o; find . | sort; stat -c '%a %h' d/e/f; readlink d/l; tar tvzf ../t.gz | awk '{ print $1, $2 }' | sort
taskset: taskset -p 1 $$ > /dev/null; taskset -p $$ | sed 's/.*: //'
tee: echo x | tee a b; cat a b; echo y | tee -a a; cat a
test: test -f /etc/passwd; echo $?; test -x /etc/passwd; echo $?; test -L /bin/sh; echo $?
time: (time true) 2>&1 | cut -c 1-4
timeout: timeout 1 sleep 100; echo $?; timeout 10 true; echo $?; timeout -s KILL 1 sleep 100; echo $?
touch: touch -d '2001-02-03 04:05:06' f; stat -c %Y f; touch -r f g; stat -c %Y g; touch -c nosuch; ls
tr: echo hello | tr a-y b-z; echo aabbcc | tr -s b; echo a1b2 | tr -d 0-9
true: true; echo $?
truncate: truncate -s 5000 f; stat -c '%s %b' f; truncate -s 10 f; stat -c %s f; wc -c < f
ts: echo x | ts '%F' | wc -w
tty: tty < /dev/null
umount: mkdir m; mount -t tmpfs t m; (cd m; umount /tmp/umount/m 2>&1); umount m; echo $?
uname: uname -s; uname -m; uname -n
uniq: printf 'a\na\nb\n' | uniq -c
unshare_env: (unset PATH; /bin/busybox echo ok)
unzip: unzip nosuch 2>&1 | head -n 1
uudecode: printf 'hello' > f; uuencode f f | sed 1d
vi: printf 'one\ntwo\n' > f; vi -c 'wq' f < /dev/null > /dev/null 2>&1; cat f
wc: seq 100 | wc; printf 'a b\nc' | wc -w
which: which sh ls nosuch; echo $?
xargs: seq 10 | xargs -n 3 echo; printf 'a b\0c' | xargs -0 -n 1 echo
xxd: echo hello | xxd; echo 68690a | xxd -r -p
yes: yes no | head -n 2
"""


def cases():
    return [line.split(": ", 1) for line in COMMANDS.strip().split("\n")]


def script():
    """All cases as one script; what each prints stands between two marked lines."""
    lines = ["exec 2>&1"]
    for name, command in cases():
        lines += ["echo '=== %s'" % name,
                  "mkdir '/tmp/%s'; ( cd '/tmp/%s'; %s\n) < /dev/null" % (name, name, command),
                  "echo \"--- $?\""]
    return "\n".join(lines + ["echo '=== end'", ""]).encode()


def split(text):
    """name -> what its case printed."""
    parts = re.split(r"^=== (\S+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def expected():
    with open(EXPECTED, encoding="utf-8") as stream:
        return split(stream.read())


if __name__ == "__main__":
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: ASHLAR_KERNEL=LINUX applets.py --record")
    from conftest import launch
    done = launch(stdin=script())
    with open(EXPECTED, "wb") as out:
        out.write(done.stdout)
    print("%d cases recorded" % len(cases()))

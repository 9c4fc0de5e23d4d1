# A session for injected failures (test_inject.py), in an empty directory of its own. It changes
# nothing outside of that, and ends with status 0 when all went well.
set -e
echo hello > a
cat a a > b
cat >> b << END
here and $(echo there)
END
[ "$(wc -l < b)" = 3 ]
mkdir -p d/e/f
ln a d/hard
ln -s ../a d/soft
cat d/soft d/hard | sort | uniq -c > c
mv c d/e/c
cp -r d copy
find copy -type f | xargs cat > /dev/null
ls -lR . > listing
grep -q soft listing
mkfifo fifo
exec 3<> fifo
echo through >&3
read -r x <&3
[ "$x" = through ]
exec 3>&-
seq 200 | sort -rn | tail -n 1 | { read -r x; [ "$x" = 1 ]; }
mkdir m
mount -t tmpfs -o size=64k none m
echo x > m/x
umount m
trap 'got=1' USR1
kill -USR1 $$
[ "$got" = 1 ]
sleep 100 &
kill $!
wait $! || [ $? = 143 ]
(cd d/e && pwd && exec sh -c 'exit 3') > /dev/null || [ $? = 3 ]
dd if=/dev/zero of=big bs=16k count=4 2> /dev/null
tar cf t.tar d
tar tf t.tar > /dev/null
ps > /dev/null
chmod 600 a
rm -r copy d big t.tar
exec > /dev/null 2>&1 < /dev/null

# What programs do with files, for files-programs.test.ts: in the folder $1, which is empty. Programs that are not here are left out.
cd "$1" || exit 1
umask 022
has() { command -v "$1" > /dev/null; }
printf 'x\n' > made
printf 'y\n' >> made
mv made moved
install -m 600 moved installed
install -d folder
cp moved folder/copied
cp -a folder folder2
ln moved hard
ln -s ../moved soft
ln -sf elsewhere soft
touch touched
touch touched
mktemp ./temp.XXXXXX > /dev/null
mktemp -d ./tempd.XXXXXX > /dev/null
tar cf all.tar folder folder2 soft
mkdir unpacked
tar xf all.tar -C unpacked
sed -i s/x/z/ moved
has ed && printf '%s\n' a line . 'w edited by ed' q | ed -s 2> /dev/null
has vi && printf 'iline\033:wq\n' | vi -es edited 2> /dev/null
has python3 && python3 -c 'import os, tempfile, pathlib
pathlib.Path("py").write_text("x")
os.replace("py", "py2")
with tempfile.NamedTemporaryFile(dir=".") as f: f.write(b"x"); f.flush()
os.truncate("py2", 0)
os.remove("py2")'
gzip -k moved
chmod 600 moved
rm -f hard soft
rm -r folder2 unpacked
rmdir tempd.*
dd if=/dev/zero of=zeros bs=1k count=1 2> /dev/null
mkfifo pipe
if has dpkg-deb && has dpkg; then
  mkdir -p deb/DEBIAN deb/etc/systemd/system root/var/lib/dpkg/info root/var/lib/dpkg/updates root/tmp
  printf 'Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: tiny\n' > deb/DEBIAN/control
  printf '[Service]\nExecStart=/bin/true\n' > deb/etc/systemd/system/tiny.service
  : > root/var/lib/dpkg/status
  dpkg-deb -b deb tiny.deb > /dev/null
  dpkg --root="$1/root" --force-script-chrootless --log=/dev/null -i tiny.deb > /dev/null 2>&1
fi
exit 0

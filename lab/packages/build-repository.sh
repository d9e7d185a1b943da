#!/bin/sh
# Makes an apt repository like that of the Kubernetes project: flat and signed, with a folder for a minor version that has the key.
# usage: build-repository.sh DIRECTORY VERSION COMMANDS UNITS CNI
#   VERSION    of the packages, such as 1.34.4
#   COMMANDS   folder with kubeadm, kubelet and kubectl
#   UNITS      folder with kubelet.service and 10-kubeadm.conf
#   CNI        folder with the CNI plugins
set -eu
directory=$1 version=$2 commands=$3 units=$4 cni=$5
work=$directory.work
minor=${version%.*}
repository=$directory/v$minor/deb
rm -rf "$work"
mkdir -p "$work" "$repository"
export GNUPGHOME="$work/gnupg"
mkdir -m 700 "$GNUPGHOME"

# package NAME VERSION [DEPENDS]: makes NAME's .deb from the folder $work/NAME. zstd is the fastest to decompress, for a VM with an
# emulated processor.
package() {
	mkdir -p "$work/$1/DEBIAN"
	cat >"$work/$1/DEBIAN/control" <<-END
		Package: $1
		Version: $2
		Architecture: $(dpkg --print-architecture)
		Maintainer: pod-gateway's lab <root@localhost>
		${3:+Depends: $3
		}Description: $1, as built for the lab
	END
	dpkg-deb --root-owner-group -Zzstd -z3 --build "$work/$1" "$repository" >/dev/null
}

mkdir -p "$work/kubernetes-cni/opt/cni/bin"
cp "$cni"/* "$work/kubernetes-cni/opt/cni/bin"
package kubernetes-cni 1.7.1-1.1 libc6

mkdir -p "$work/kubelet/usr/bin" "$work/kubelet/usr/lib/systemd/system/kubelet.service.d" "$work/kubelet/etc/kubernetes/manifests"
cp "$commands/kubelet" "$work/kubelet/usr/bin"
cp "$units/kubelet.service" "$work/kubelet/usr/lib/systemd/system"
cp "$units/10-kubeadm.conf" "$work/kubelet/usr/lib/systemd/system/kubelet.service.d"
mkdir "$work/kubelet/DEBIAN"
cat >"$work/kubelet/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl --quiet enable --now kubelet.service
fi
END
chmod 755 "$work/kubelet/DEBIAN/postinst"
package kubelet "$version-1.1" 'iptables, kubernetes-cni, mount, util-linux, ethtool, ebtables | nftables, conntrack'

# From 1.30 on, kubeadm depends only on cri-tools, which the lab does not need.
for command in kubeadm kubectl; do
	mkdir -p "$work/$command/usr/bin"
	cp "$commands/$command" "$work/$command/usr/bin"
	package "$command" "$version-1.1"
done

cd "$repository"
# apt computes every checksum in the lists for each file that it fetches. One is enough for an emulated processor.
one() { apt-ftparchive -o APT::FTPArchive::MD5=false -o APT::FTPArchive::SHA1=false -o APT::FTPArchive::SHA512=false "$@"; }
one packages . >Packages
one release . >"$work/Release"
mv "$work/Release" Release
gpg --batch --quiet --passphrase '' --quick-generate-key "pod-gateway's lab" ed25519 sign never
gpg --batch --quiet --armor --export >Release.key
gpg --batch --quiet --clearsign --output InRelease Release
gpgconf --kill all
rm -rf "$work"
chmod -R a+rX "$directory"

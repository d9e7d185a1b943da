import { expect, test } from "vitest";
import { emulatedVm, exampleVm } from "../../../../tests/fixtures/vm.ts";
import { filesOf, renderDomain } from "./domainXml.ts";

const files = filesOf("/var/lib/libvirt/images", "gw-1");

test("a domain that boots from its disk on KVM", () => {
	expect(renderDomain(exampleVm, files)).toMatchInlineSnapshot(`
		"<domain type="kvm">
		  <name>gw-1</name>
		  <description>Gateway VM made by pod-gateway, which also replaces and removes it: pulumi up, pulumi destroy</description>
		  <metadata>
		    <pod-gateway:vm xmlns:pod-gateway="urn:pod-gateway:vm" digest="c97d50b11e2b9aef52daf56fe86f225c5445b78d011293dd02d0f1b4241631a8"/>
		  </metadata>
		  <memory unit="MiB">2048</memory>
		  <vcpu>2</vcpu>
		  <os>
		    <type arch="x86_64" machine="q35">hvm</type>
		    <boot dev="hd"/>
		  </os>
		  <features>
		    <acpi/>
		  </features>
		  <cpu mode="host-passthrough"/>
		  <clock offset="utc"/>
		  <on_poweroff>destroy</on_poweroff>
		  <on_reboot>restart</on_reboot>
		  <on_crash>restart</on_crash>
		  <devices>
		    <disk type="file" device="disk">
		      <driver name="qemu" type="qcow2" discard="unmap"/>
		      <source file="/var/lib/libvirt/images/pod-gateway/gw-1/disk.qcow2"/>
		      <target dev="vda" bus="virtio"/>
		    </disk>
		    <disk type="file" device="disk">
		      <driver name="qemu" type="raw"/>
		      <source file="/var/lib/libvirt/images/pod-gateway/gw-1/seed.iso"/>
		      <target dev="vdb" bus="virtio"/>
		      <readonly/>
		    </disk>
		    <interface type="bridge">
		      <mac address="52:54:00:10:20:30"/>
		      <source bridge="br0"/>
		      <model type="virtio"/>
		    </interface>
		    <serial type="pty">
		      <log file="/var/lib/libvirt/images/pod-gateway/gw-1/console.log" append="on"/>
		      <target port="0"/>
		    </serial>
		    <console type="pty">
		      <target type="serial" port="0"/>
		    </console>
		    <rng model="virtio">
		      <backend model="random">/dev/urandom</backend>
		    </rng>
		    <controller type="usb" model="none"/>
		    <memballoon model="none"/>
		  </devices>
		</domain>
		"
	`);
});

test("a domain with a kernel of its own, emulated", () => {
	expect(renderDomain(emulatedVm, files)).toMatchInlineSnapshot(`
		"<domain type="qemu">
		  <name>gw-1</name>
		  <description>Gateway VM made by pod-gateway, which also replaces and removes it: pulumi up, pulumi destroy</description>
		  <metadata>
		    <pod-gateway:vm xmlns:pod-gateway="urn:pod-gateway:vm" digest="62545c2552fee33b829436beada6fdf5a8f10a907a8919b1d1fe86328f890ce3"/>
		  </metadata>
		  <memory unit="MiB">2048</memory>
		  <vcpu>2</vcpu>
		  <os>
		    <type arch="x86_64" machine="q35">hvm</type>
		    <kernel>/srv/boot/vmlinuz</kernel>
		    <initrd>/srv/boot/initrd.img</initrd>
		    <cmdline>root=LABEL=root rw console=ttyS0</cmdline>
		  </os>
		  <features>
		    <acpi/>
		  </features>
		  <cpu mode="custom" match="exact">
		    <model>Nehalem</model>
		  </cpu>
		  <clock offset="utc"/>
		  <on_poweroff>destroy</on_poweroff>
		  <on_reboot>restart</on_reboot>
		  <on_crash>restart</on_crash>
		  <devices>
		    <disk type="file" device="disk">
		      <driver name="qemu" type="qcow2" discard="unmap"/>
		      <source file="/var/lib/libvirt/images/pod-gateway/gw-1/disk.qcow2"/>
		      <target dev="vda" bus="virtio"/>
		    </disk>
		    <disk type="file" device="disk">
		      <driver name="qemu" type="raw"/>
		      <source file="/var/lib/libvirt/images/pod-gateway/gw-1/seed.iso"/>
		      <target dev="vdb" bus="virtio"/>
		      <readonly/>
		    </disk>
		    <interface type="bridge">
		      <mac address="52:54:00:10:20:30"/>
		      <source bridge="br0"/>
		      <model type="virtio"/>
		    </interface>
		    <serial type="pty">
		      <log file="/var/lib/libvirt/images/pod-gateway/gw-1/console.log" append="on"/>
		      <target port="0"/>
		    </serial>
		    <console type="pty">
		      <target type="serial" port="0"/>
		    </console>
		    <rng model="virtio">
		      <backend model="random">/dev/urandom</backend>
		    </rng>
		    <controller type="usb" model="none"/>
		    <memballoon model="none"/>
		  </devices>
		</domain>
		"
	`);
});

test("values cannot break out of their element", () => {
	const boot = { kernel: "/k", initrd: "/i", commandLine: `a</cmdline><x y="&">` };
	const text = renderDomain({ ...exampleVm, boot, bridge: `br"/><x/>` }, files);
	expect(text).toContain('<cmdline>a&lt;/cmdline&gt;&lt;x y="&amp;"&gt;</cmdline>');
	expect(text).toContain('<source bridge="br&quot;/&gt;&lt;x/&gt;"/>');
});

import { ipBytes, macBytes } from '../../src/agent/dataplane/netlink/codec.ts';

const SCTP = 132;

/** A frame with the first packet of an association, INIT (RFC 9260, section 3.3.2), from port 40,000. */
export function sctpInit(gatewayMac: string, source: string, destination: string, port: number): Buffer {
  const packet = Buffer.alloc(12 + 20);
  packet.writeUInt16BE(40_000, 0);
  packet.writeUInt16BE(port, 2);
  packet.writeUInt8(1, 12);
  packet.writeUInt16BE(20, 14);
  packet.writeUInt32BE(0x1234_5678, 16);
  packet.writeUInt32BE(65_536, 20);
  packet.writeUInt16BE(1, 24);
  packet.writeUInt16BE(1, 26);
  packet.writeUInt32BE(1, 28);
  packet.writeUInt32LE(crc32c(packet), 8);
  const header = Buffer.from([0x45, 0, 0, 20 + packet.length, 0, 1, 0, 0, 64, SCTP, 0, 0]);
  const ip = Buffer.concat([header, ipBytes(source), ipBytes(destination)]);
  let sum = 0;
  for (let at = 0; at < ip.length; at += 2) sum += ip.readUInt16BE(at);
  ip.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 10);
  const ethernet = Buffer.concat([macBytes(gatewayMac), Buffer.from('0200000000010800', 'hex')]);
  return Buffer.concat([ethernet, ip, packet]);
}

/** RFC 9260, appendix A. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) * 0x82f6_3b78);
  }
  return ~crc >>> 0;
}

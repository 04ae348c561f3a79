import forge from 'node-forge';

const { asn1 } = forge;
export type Der = forge.asn1.Asn1;

const { Class, Type } = asn1;

/** Object identifiers of RFC 5280 and RFC 5480 in dotted form. */
export const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  subjectKeyIdentifier: '2.5.29.14',
  authorityKeyIdentifier: '2.5.29.35',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

export function sequence(...values: readonly Der[]): Der {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, [...values]);
}

export function set(...values: readonly Der[]): Der {
  return asn1.create(Class.UNIVERSAL, Type.SET, true, [...values]);
}

export function oid(dotted: string): Der {
  return asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes());
}

/** A positive INTEGER of these bytes. */
export function integer(bytes: Buffer): Der {
  const positive = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
  return asn1.create(Class.UNIVERSAL, Type.INTEGER, false, positive.toString('binary'));
}

export function boolean(value: boolean): Der {
  return asn1.create(Class.UNIVERSAL, Type.BOOLEAN, false, value ? '\xff' : '\0');
}

export function octets(bytes: Buffer): Der {
  return asn1.create(Class.UNIVERSAL, Type.OCTETSTRING, false, bytes.toString('binary'));
}

/** A BIT STRING whose last byte has `unused` unused bits. */
export function bits(bytes: Buffer, unused = 0): Der {
  return asn1.create(Class.UNIVERSAL, Type.BITSTRING, false, String.fromCharCode(unused) + bytes.toString('binary'));
}

export function utf8(text: string): Der {
  return asn1.create(Class.UNIVERSAL, Type.UTF8, false, Buffer.from(text, 'utf8').toString('binary'));
}

/** UTCTime before 2050, GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
export function time(milliseconds: number): Der {
  const date = new Date(milliseconds);
  return date.getUTCFullYear() < 2050
    ? asn1.create(Class.UNIVERSAL, Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(Class.UNIVERSAL, Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date));
}

/** `[tag]` with values inside (constructed). */
export function tagged(tag: number, ...values: readonly Der[]): Der {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag as forge.asn1.Type, true, [...values]);
}

/** `[tag]` in place of the type's own tag (primitive, IMPLICIT). */
export function implicit(tag: number, bytes: Buffer): Der {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag as forge.asn1.Type, false, bytes.toString('binary'));
}

export function encode(value: Der): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'binary');
}

/** @throws when the bytes are not exactly one DER value. */
export function decode(bytes: Buffer): Der {
  return asn1.fromDer(bytes.toString('binary'));
}

/** The values inside of a constructed one. @throws when it is primitive. */
export function children(value: Der | undefined): readonly Der[] {
  if (value === undefined || !Array.isArray(value.value)) throw new TypeError('a constructed ASN.1 value was expected');
  return value.value;
}

/** The bytes of a BIT STRING without its count of unused bits; node-forge may have parsed what is inside of it. */
export function bitsOf(value: Der | undefined): Buffer {
  const raw = (value as { bitStringContents?: string } | undefined)?.bitStringContents ?? value?.value;
  if (typeof raw !== 'string') throw new TypeError('an ASN.1 bit string was expected');
  return Buffer.from(raw.slice(1), 'binary');
}

export function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

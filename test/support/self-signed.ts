import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { isIP } from 'node:net';
import os from 'node:os';
import path from 'node:path';

/** A certificate that is its own authority, in files in a folder of its own. */
export class SelfSigned {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'weft-certificate-'));
  readonly certificateFile = path.join(this.folder, 'certificate.pem');
  readonly keyFile = path.join(this.folder, 'key.pem');

  /**
   * @param name of whom: an address, or a name in the DNS.
   * @param organisation tells it from others.
   */
  constructor(name: string, organisation = 'lab') {
    const made = ['-keyout', this.keyFile, '-out', this.certificateFile];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const subject = [
      '-subj',
      `/O=${organisation}`,
      '-addext',
      `subjectAltName=${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`,
    ];
    execFileSync('openssl', ['req', '-x509', ...kind, ...made, ...subject], { stdio: 'pipe' });
  }

  get certificate(): string {
    return readFileSync(this.certificateFile, 'utf8');
  }

  get key(): string {
    return readFileSync(this.keyFile, 'utf8');
  }

  delete(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A certificate that is its own authority, in files in a folder of its own. */
export class SelfSigned {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'weft-certificate-'));
  readonly certificateFile = path.join(this.folder, 'certificate.pem');
  readonly keyFile = path.join(this.folder, 'key.pem');

  /** @param address whose it is. */
  constructor(address: string) {
    const made = ['-keyout', this.keyFile, '-out', this.certificateFile];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const name = ['-subj', '/CN=lab', '-addext', `subjectAltName=IP:${address}`];
    execFileSync('openssl', ['req', '-x509', ...kind, ...made, ...name], { stdio: 'pipe' });
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

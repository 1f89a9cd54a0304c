import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';

/**
 * Makes every connection of this process fail: the parsers have no business on the network, whatever a document asks
 * them to load. Node 24's permission model does not cover it. A barrier against parsers, not against native code.
 */
export function closeNetwork(): void {
  const refuse = (): never => {
    throw new Error('The network is closed in the extraction process.');
  };
  net.Socket.prototype.connect = refuse;
  dgram.createSocket = refuse;
  Object.assign(dns, { lookup: refuse, resolve: refuse });
  globalThis.fetch = refuse;
}

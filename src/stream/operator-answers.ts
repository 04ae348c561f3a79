import type { LoansAnswer } from '../model/ipam/loan.ts';
import type { AgentMessage } from './generated/wire/weft/node/v1/node_pb.ts';
import type { BlockAnswer, BlockAsk, CertificateAnswer, NodeRequests } from './operator-ports.ts';
import type { OperatorPayload } from './wire.ts';

/** The answer to what a node asks; undefined for a message that asks nothing. Never rejects: the agent asks again. */
export function answerNode(
  requests: NodeRequests,
  node: string,
  { message }: AgentMessage,
): Promise<OperatorPayload> | undefined {
  switch (message.case) {
    case 'blockRequest': {
      const { id, pools, family, address } = message.value;
      const request: BlockAsk = {
        family: family === 6 ? 6 : 4,
        ...(pools.length === 0 ? {} : { pools }),
        ...(address === '' ? {} : { address }),
      };
      return orProblem<BlockAnswer>(() => requests.block(node, request)).then((answer) => {
        return { case: 'blockGrant', value: { id, ...answer } };
      });
    }
    case 'certificateRequest': {
      const { id, csr, podUid } = message.value;
      const request = { csrDer: csr, podUid };
      return orProblem<CertificateAnswer>(() => requests.certificate(node, request)).then((answer) => {
        return { case: 'certificateGrant', value: { id, ...answer } };
      });
    }
    case 'forgetRequest': {
      const { id, addresses } = message.value;
      const nothing = (): readonly string[] => [];
      return requests
        .forgotten(node, { addresses })
        .catch(nothing)
        .then((forgotten) => ({ case: 'forgetGrant', value: { id, addresses: [...forgotten] } }));
    }
    case 'returnRequest': {
      const { id, cidr, uid } = message.value;
      return requests
        .giveBack(node, { cidr, uid })
        .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
        .then((problem) => ({ case: 'returnGrant', value: { id, problem } }));
    }
    case 'loansRequest': {
      const { id, uids, lost: isLost } = message.value;
      return orProblem<LoansAnswer>(() => requests.loans(node, { uids, isLost })).then((answer) => {
        if ('problem' in answer) return { case: 'loansGrant', value: { id, problem: answer.problem } };
        const loans = answer.loans.map(({ uid, cidr }) => ({ uid, cidr }));
        return { case: 'loansGrant', value: { id, over: [...answer.over], loans, blocks: [...answer.blocks] } };
      });
    }
    case 'knownRequest': {
      const { id, podUid, addresses } = message.value;
      return requests
        .known(node, { podUid, addresses })
        .catch(() => undefined)
        .then(() => ({ case: 'knownGrant', value: { id } }));
    }
    case 'leftRequest': {
      const { id, podUid: uid, podName: name, podNamespace: namespace } = message.value;
      return requests
        .left(node, { uid, name, namespace })
        .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
        .then((problem) => ({ case: 'leftGrant', value: { id, problem } }));
    }
    default:
      return undefined;
  }
}

async function orProblem<T>(answer: () => Promise<T>): Promise<T | { readonly problem: string }> {
  try {
    return await answer();
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * @generated SignedSource<<3178c1d7f2481d313b45d7914fad849f>>
 * @relayHash f1c2570dcba44d04e09f6336374ec951
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID 0259d0f9d7c63aa63b99366926e034f7d5e6bbf8c08a45e33988b8a7ec1fdb04

import { ConcreteRequest } from 'relay-runtime';
export type WhenBusy = "ENQUEUE" | "INTERRUPT" | "REJECT" | "%future added value";
export type SendMessageInput = {
  chatbotId?: string | null | undefined;
  clientMessageId?: string | null | undefined;
  content: string;
  conversationId?: string | null | undefined;
  metadata?: unknown | null | undefined;
  sessionId?: string | null | undefined;
  visitor?: VisitorInput | null | undefined;
  whenBusy?: WhenBusy | null | undefined;
};
export type VisitorInput = {
  customData?: unknown | null | undefined;
  email?: string | null | undefined;
  externalId?: string | null | undefined;
  name?: string | null | undefined;
};
export type operationsSendMutation$variables = {
  input: SendMessageInput;
};
export type operationsSendMutation$data = {
  readonly sendMessage: {
    readonly conversation?: {
      readonly id: string;
    };
    readonly notice?: string | null | undefined;
    readonly reason?: string;
  };
};
export type operationsSendMutation = {
  response: operationsSendMutation$data;
  variables: operationsSendMutation$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "input"
  }
],
v1 = [
  {
    "kind": "Variable",
    "name": "input",
    "variableName": "input"
  }
],
v2 = {
  "kind": "InlineFragment",
  "selections": [
    {
      "alias": null,
      "args": null,
      "concreteType": "Conversation",
      "kind": "LinkedField",
      "name": "conversation",
      "plural": false,
      "selections": [
        {
          "alias": null,
          "args": null,
          "kind": "ScalarField",
          "name": "id",
          "storageKey": null
        }
      ],
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "notice",
      "storageKey": null
    }
  ],
  "type": "SendMessagePayload",
  "abstractKey": null
},
v3 = {
  "kind": "InlineFragment",
  "selections": [
    {
      "alias": "reason",
      "args": null,
      "kind": "ScalarField",
      "name": "message",
      "storageKey": null
    }
  ],
  "type": "Error",
  "abstractKey": "__isError"
};
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "operationsSendMutation",
    "selections": [
      {
        "alias": null,
        "args": (v1/*:: as any*/),
        "concreteType": null,
        "kind": "LinkedField",
        "name": "sendMessage",
        "plural": false,
        "selections": [
          (v2/*:: as any*/),
          (v3/*:: as any*/)
        ],
        "storageKey": null
      }
    ],
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "operationsSendMutation",
    "selections": [
      {
        "alias": null,
        "args": (v1/*:: as any*/),
        "concreteType": null,
        "kind": "LinkedField",
        "name": "sendMessage",
        "plural": false,
        "selections": [
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "__typename",
            "storageKey": null
          },
          (v2/*:: as any*/),
          (v3/*:: as any*/)
        ],
        "storageKey": null
      }
    ]
  },
  "params": {
    "id": "0259d0f9d7c63aa63b99366926e034f7d5e6bbf8c08a45e33988b8a7ec1fdb04",
    "metadata": {},
    "name": "operationsSendMutation",
    "operationKind": "mutation",
    "text": null
  }
};
})();

(node as any).hash = "07c1138a410f8d083c8884d63942533d";

export default node;

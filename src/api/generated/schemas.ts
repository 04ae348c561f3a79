/** Made from crds/ by `npm run generate`; do not edit. CEL rules are not in here: the API server checks those. */
export const SCHEMAS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "BGPConfiguration": {
    "type": "object",
    "required": [
      "apiVersion",
      "kind",
      "metadata",
      "spec"
    ],
    "additionalProperties": false,
    "properties": {
      "apiVersion": {
        "type": "string"
      },
      "kind": {
        "type": "string"
      },
      "metadata": {
        "type": "object",
        "required": [
          "name"
        ],
        "properties": {
          "name": {
            "type": "string"
          }
        }
      },
      "spec": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "asNumber": {
            "type": "integer",
            "default": 64512,
            "minimum": 1,
            "maximum": 4294967294
          },
          "nodeMesh": {
            "type": "boolean",
            "default": true
          },
          "reflectors": {
            "type": "object",
            "required": [
              "nodeSelector",
              "clusterID"
            ],
            "additionalProperties": false,
            "properties": {
              "nodeSelector": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "matchLabels": {
                    "type": "object",
                    "maxProperties": 32,
                    "additionalProperties": {
                      "type": "string",
                      "maxLength": 63,
                      "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                    }
                  },
                  "matchExpressions": {
                    "type": "array",
                    "maxItems": 16,
                    "items": {
                      "type": "object",
                      "required": [
                        "key",
                        "operator"
                      ],
                      "additionalProperties": false,
                      "properties": {
                        "key": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 317
                        },
                        "operator": {
                          "type": "string",
                          "enum": [
                            "In",
                            "NotIn",
                            "Exists",
                            "DoesNotExist"
                          ]
                        },
                        "values": {
                          "type": "array",
                          "maxItems": 64,
                          "items": {
                            "type": "string",
                            "maxLength": 63
                          }
                        }
                      }
                    }
                  }
                }
              },
              "clusterID": {
                "type": "string",
                "minLength": 7,
                "maxLength": 15
              }
            }
          },
          "listenPort": {
            "type": "integer",
            "default": 179,
            "minimum": 1,
            "maximum": 65535
          },
          "gracefulRestartSeconds": {
            "type": "integer",
            "default": 120,
            "minimum": 0,
            "maximum": 4095
          },
          "communities": {
            "type": "array",
            "maxItems": 32,
            "items": {
              "type": "object",
              "required": [
                "value"
              ],
              "additionalProperties": false,
              "properties": {
                "value": {
                  "type": "string",
                  "minLength": 3,
                  "maxLength": 32
                },
                "cidrs": {
                  "type": "array",
                  "minItems": 1,
                  "maxItems": 32,
                  "items": {
                    "type": "string",
                    "minLength": 3,
                    "maxLength": 43
                  }
                }
              }
            }
          },
          "advertise": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "pools": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "matchLabels": {
                    "type": "object",
                    "maxProperties": 32,
                    "additionalProperties": {
                      "type": "string",
                      "maxLength": 63,
                      "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                    }
                  },
                  "matchExpressions": {
                    "type": "array",
                    "maxItems": 16,
                    "items": {
                      "type": "object",
                      "required": [
                        "key",
                        "operator"
                      ],
                      "additionalProperties": false,
                      "properties": {
                        "key": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 317
                        },
                        "operator": {
                          "type": "string",
                          "enum": [
                            "In",
                            "NotIn",
                            "Exists",
                            "DoesNotExist"
                          ]
                        },
                        "values": {
                          "type": "array",
                          "maxItems": 64,
                          "items": {
                            "type": "string",
                            "maxLength": 63
                          }
                        }
                      }
                    }
                  }
                }
              },
              "clusterIPs": {
                "type": "array",
                "maxItems": 16,
                "items": {
                  "type": "string",
                  "minLength": 3,
                  "maxLength": 43
                }
              },
              "externalIPs": {
                "type": "array",
                "maxItems": 64,
                "items": {
                  "type": "string",
                  "minLength": 3,
                  "maxLength": 43
                }
              },
              "loadBalancerIPs": {
                "type": "array",
                "maxItems": 64,
                "items": {
                  "type": "string",
                  "minLength": 3,
                  "maxLength": 43
                }
              }
            }
          }
        }
      }
    }
  },
  "BGPPeer": {
    "type": "object",
    "required": [
      "apiVersion",
      "kind",
      "metadata",
      "spec"
    ],
    "additionalProperties": false,
    "properties": {
      "apiVersion": {
        "type": "string"
      },
      "kind": {
        "type": "string"
      },
      "metadata": {
        "type": "object",
        "required": [
          "name"
        ],
        "properties": {
          "name": {
            "type": "string"
          }
        }
      },
      "spec": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "nodeSelector": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "matchLabels": {
                "type": "object",
                "maxProperties": 32,
                "additionalProperties": {
                  "type": "string",
                  "maxLength": 63,
                  "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                }
              },
              "matchExpressions": {
                "type": "array",
                "maxItems": 16,
                "items": {
                  "type": "object",
                  "required": [
                    "key",
                    "operator"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "key": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 317
                    },
                    "operator": {
                      "type": "string",
                      "enum": [
                        "In",
                        "NotIn",
                        "Exists",
                        "DoesNotExist"
                      ]
                    },
                    "values": {
                      "type": "array",
                      "maxItems": 64,
                      "items": {
                        "type": "string",
                        "maxLength": 63
                      }
                    }
                  }
                }
              }
            }
          },
          "peerAddress": {
            "type": "string",
            "minLength": 2,
            "maxLength": 39
          },
          "asNumber": {
            "type": "integer",
            "minimum": 1,
            "maximum": 4294967294
          },
          "port": {
            "type": "integer",
            "minimum": 1,
            "maximum": 65535
          },
          "ebgpMultihop": {
            "type": "integer",
            "minimum": 2,
            "maximum": 255
          },
          "peerSelector": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "matchLabels": {
                "type": "object",
                "maxProperties": 32,
                "additionalProperties": {
                  "type": "string",
                  "maxLength": 63,
                  "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                }
              },
              "matchExpressions": {
                "type": "array",
                "maxItems": 16,
                "items": {
                  "type": "object",
                  "required": [
                    "key",
                    "operator"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "key": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 317
                    },
                    "operator": {
                      "type": "string",
                      "enum": [
                        "In",
                        "NotIn",
                        "Exists",
                        "DoesNotExist"
                      ]
                    },
                    "values": {
                      "type": "array",
                      "maxItems": 64,
                      "items": {
                        "type": "string",
                        "maxLength": 63
                      }
                    }
                  }
                }
              }
            }
          },
          "passwordSecret": {
            "type": "object",
            "required": [
              "name"
            ],
            "additionalProperties": false,
            "properties": {
              "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 253,
                "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
              },
              "key": {
                "type": "string",
                "default": "password",
                "minLength": 1,
                "maxLength": 253,
                "pattern": "^[-._A-Za-z0-9]+$"
              }
            }
          }
        }
      },
      "status": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "sessions": {
            "type": "integer",
            "minimum": 0
          },
          "established": {
            "type": "integer",
            "minimum": 0
          },
          "conditions": {
            "type": "array",
            "maxItems": 8,
            "items": {
              "type": "object",
              "required": [
                "type",
                "status",
                "lastTransitionTime",
                "reason",
                "message"
              ],
              "additionalProperties": false,
              "properties": {
                "type": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 316
                },
                "status": {
                  "type": "string",
                  "enum": [
                    "True",
                    "False",
                    "Unknown"
                  ]
                },
                "observedGeneration": {
                  "type": "integer",
                  "minimum": 0
                },
                "lastTransitionTime": {
                  "type": "string",
                  "maxLength": 64
                },
                "reason": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 1024
                },
                "message": {
                  "type": "string",
                  "maxLength": 32768
                }
              }
            }
          }
        }
      }
    }
  },
  "IPBlock": {
    "type": "object",
    "required": [
      "apiVersion",
      "kind",
      "metadata",
      "spec"
    ],
    "additionalProperties": false,
    "properties": {
      "apiVersion": {
        "type": "string"
      },
      "kind": {
        "type": "string"
      },
      "metadata": {
        "type": "object",
        "required": [
          "name"
        ],
        "properties": {
          "name": {
            "type": "string"
          }
        }
      },
      "spec": {
        "type": "object",
        "required": [
          "cidr",
          "poolName",
          "poolUid",
          "nodeName",
          "nodeUid"
        ],
        "additionalProperties": false,
        "properties": {
          "cidr": {
            "type": "string",
            "minLength": 5,
            "maxLength": 43
          },
          "poolName": {
            "type": "string",
            "minLength": 1,
            "maxLength": 253
          },
          "poolUid": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64
          },
          "nodeName": {
            "type": "string",
            "minLength": 1,
            "maxLength": 253
          },
          "nodeUid": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64
          },
          "lender": {
            "type": "string",
            "minLength": 1,
            "maxLength": 253
          }
        }
      }
    }
  },
  "IPPool": {
    "type": "object",
    "required": [
      "apiVersion",
      "kind",
      "metadata",
      "spec"
    ],
    "additionalProperties": false,
    "properties": {
      "apiVersion": {
        "type": "string"
      },
      "kind": {
        "type": "string"
      },
      "metadata": {
        "type": "object",
        "required": [
          "name"
        ],
        "properties": {
          "name": {
            "type": "string"
          }
        }
      },
      "spec": {
        "type": "object",
        "required": [
          "cidr"
        ],
        "additionalProperties": false,
        "properties": {
          "cidr": {
            "type": "string",
            "minLength": 5,
            "maxLength": 43
          },
          "blockSize": {
            "type": "integer",
            "minimum": 20,
            "maximum": 126
          },
          "encapsulation": {
            "type": "string",
            "enum": [
              "VXLAN",
              "VXLANCrossSubnet",
              "None"
            ],
            "default": "VXLAN"
          },
          "assignment": {
            "type": "string",
            "enum": [
              "Automatic",
              "Manual"
            ],
            "default": "Automatic"
          },
          "borrowing": {
            "type": "string",
            "enum": [
              "Enabled",
              "Disabled"
            ],
            "default": "Enabled"
          },
          "nodeSelector": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "matchLabels": {
                "type": "object",
                "maxProperties": 32,
                "additionalProperties": {
                  "type": "string",
                  "maxLength": 63,
                  "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                }
              },
              "matchExpressions": {
                "type": "array",
                "maxItems": 16,
                "items": {
                  "type": "object",
                  "required": [
                    "key",
                    "operator"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "key": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 317
                    },
                    "operator": {
                      "type": "string",
                      "enum": [
                        "In",
                        "NotIn",
                        "Exists",
                        "DoesNotExist"
                      ]
                    },
                    "values": {
                      "type": "array",
                      "maxItems": 64,
                      "items": {
                        "type": "string",
                        "maxLength": 63
                      }
                    }
                  }
                }
              }
            }
          },
          "namespaceSelector": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "matchLabels": {
                "type": "object",
                "maxProperties": 32,
                "additionalProperties": {
                  "type": "string",
                  "maxLength": 63,
                  "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                }
              },
              "matchExpressions": {
                "type": "array",
                "maxItems": 16,
                "items": {
                  "type": "object",
                  "required": [
                    "key",
                    "operator"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "key": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 317
                    },
                    "operator": {
                      "type": "string",
                      "enum": [
                        "In",
                        "NotIn",
                        "Exists",
                        "DoesNotExist"
                      ]
                    },
                    "values": {
                      "type": "array",
                      "maxItems": 64,
                      "items": {
                        "type": "string",
                        "maxLength": 63
                      }
                    }
                  }
                }
              }
            }
          },
          "reserved": {
            "type": "array",
            "maxItems": 64,
            "items": {
              "type": "string",
              "minLength": 5,
              "maxLength": 43
            }
          },
          "podNetwork": {
            "type": "string",
            "enum": [
              "Routed",
              "Bridge",
              "Macvlan"
            ],
            "default": "Routed"
          },
          "macvlan": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "parent": {
                "type": "string",
                "minLength": 1,
                "maxLength": 15,
                "pattern": "^[^/:\\s]+$"
              },
              "gateway": {
                "type": "string",
                "minLength": 2,
                "maxLength": 39
              }
            }
          },
          "natOutgoing": {
            "type": "boolean",
            "default": true
          },
          "natOutgoingExcept": {
            "type": "array",
            "maxItems": 64,
            "items": {
              "type": "string",
              "minLength": 4,
              "maxLength": 43
            }
          },
          "disabled": {
            "type": "boolean",
            "default": false
          }
        }
      },
      "status": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "capacity": {
            "type": "integer",
            "minimum": 0
          },
          "allocated": {
            "type": "integer",
            "minimum": 0
          },
          "blocks": {
            "type": "integer",
            "minimum": 0
          },
          "conditions": {
            "type": "array",
            "maxItems": 8,
            "items": {
              "type": "object",
              "required": [
                "type",
                "status",
                "lastTransitionTime",
                "reason",
                "message"
              ],
              "additionalProperties": false,
              "properties": {
                "type": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 316
                },
                "status": {
                  "type": "string",
                  "enum": [
                    "True",
                    "False",
                    "Unknown"
                  ]
                },
                "observedGeneration": {
                  "type": "integer",
                  "minimum": 0
                },
                "lastTransitionTime": {
                  "type": "string",
                  "maxLength": 64
                },
                "reason": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 1024
                },
                "message": {
                  "type": "string",
                  "maxLength": 32768
                }
              }
            }
          }
        }
      }
    }
  },
  "MeshService": {
    "type": "object",
    "required": [
      "apiVersion",
      "kind",
      "metadata",
      "spec"
    ],
    "additionalProperties": false,
    "properties": {
      "apiVersion": {
        "type": "string"
      },
      "kind": {
        "type": "string"
      },
      "metadata": {
        "type": "object",
        "required": [
          "name"
        ],
        "properties": {
          "name": {
            "type": "string"
          }
        }
      },
      "spec": {
        "type": "object",
        "required": [
          "source",
          "ports"
        ],
        "additionalProperties": false,
        "properties": {
          "source": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "service": {
                "type": "object",
                "required": [
                  "name"
                ],
                "additionalProperties": false,
                "properties": {
                  "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 63,
                    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
                  }
                }
              },
              "static": {
                "type": "object",
                "required": [
                  "endpoints"
                ],
                "additionalProperties": false,
                "properties": {
                  "endpoints": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 256,
                    "items": {
                      "type": "object",
                      "required": [
                        "address"
                      ],
                      "additionalProperties": false,
                      "properties": {
                        "address": {
                          "type": "string",
                          "minLength": 2,
                          "maxLength": 45
                        },
                        "port": {
                          "type": "integer",
                          "minimum": 1,
                          "maximum": 65535
                        },
                        "weight": {
                          "type": "integer",
                          "minimum": 1,
                          "maximum": 1000
                        },
                        "zone": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 63
                        },
                        "labels": {
                          "type": "object",
                          "minProperties": 1,
                          "maxProperties": 16,
                          "additionalProperties": {
                            "type": "string",
                            "maxLength": 63,
                            "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                          }
                        }
                      }
                    }
                  }
                }
              },
              "dns": {
                "type": "object",
                "required": [
                  "name"
                ],
                "additionalProperties": false,
                "properties": {
                  "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "pattern": "^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\\.)*[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"
                  }
                }
              },
              "eureka": {
                "type": "object",
                "required": [
                  "application",
                  "serviceUrls"
                ],
                "additionalProperties": false,
                "properties": {
                  "application": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "pattern": "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                  },
                  "serviceUrls": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 8,
                    "items": {
                      "type": "string",
                      "minLength": 8,
                      "maxLength": 512,
                      "pattern": "^https?://[^\\s/?#@]+(/[^\\s?#@]*)?$"
                    }
                  },
                  "caBundle": {
                    "type": "string",
                    "maxLength": 65536,
                    "pattern": "^-----BEGIN CERTIFICATE-----"
                  },
                  "credentialsSecret": {
                    "type": "object",
                    "required": [
                      "name"
                    ],
                    "additionalProperties": false,
                    "properties": {
                      "name": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 253,
                        "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                      }
                    }
                  }
                }
              },
              "consul": {
                "type": "object",
                "required": [
                  "service",
                  "address"
                ],
                "additionalProperties": false,
                "properties": {
                  "service": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 253,
                    "pattern": "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                  },
                  "address": {
                    "type": "string",
                    "minLength": 8,
                    "maxLength": 512,
                    "pattern": "^https?://[^\\s/?#@]+/?$"
                  },
                  "datacenter": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 63,
                    "pattern": "^[A-Za-z0-9][-A-Za-z0-9_]*$"
                  },
                  "tags": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 16,
                    "items": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 255
                    }
                  },
                  "caBundle": {
                    "type": "string",
                    "maxLength": 65536,
                    "pattern": "^-----BEGIN CERTIFICATE-----"
                  },
                  "tokenSecret": {
                    "type": "object",
                    "required": [
                      "name"
                    ],
                    "additionalProperties": false,
                    "properties": {
                      "name": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 253,
                        "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                      }
                    }
                  }
                }
              }
            }
          },
          "hosts": {
            "type": "array",
            "minItems": 1,
            "maxItems": 16,
            "items": {
              "type": "string",
              "maxLength": 253,
              "pattern": "^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)*[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"
            }
          },
          "ports": {
            "type": "array",
            "minItems": 1,
            "maxItems": 32,
            "items": {
              "type": "object",
              "required": [
                "port",
                "protocol"
              ],
              "additionalProperties": false,
              "properties": {
                "port": {
                  "type": "integer",
                  "minimum": 1,
                  "maximum": 65535
                },
                "targetPort": {
                  "type": "integer",
                  "minimum": 1,
                  "maximum": 65535
                },
                "protocol": {
                  "type": "string",
                  "enum": [
                    "HTTP",
                    "HTTP2",
                    "GRPC",
                    "TCP"
                  ]
                },
                "tls": {
                  "type": "object",
                  "required": [
                    "mode"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "mode": {
                      "type": "string",
                      "enum": [
                        "Permissive",
                        "Strict"
                      ]
                    }
                  }
                }
              }
            }
          },
          "subsets": {
            "type": "array",
            "maxItems": 16,
            "items": {
              "type": "object",
              "required": [
                "name",
                "labels"
              ],
              "additionalProperties": false,
              "properties": {
                "name": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 63,
                  "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
                },
                "labels": {
                  "type": "object",
                  "minProperties": 1,
                  "maxProperties": 16,
                  "additionalProperties": {
                    "type": "string",
                    "maxLength": 63,
                    "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                  }
                }
              }
            }
          },
          "loadBalancing": {
            "type": "object",
            "default": {},
            "additionalProperties": false,
            "properties": {
              "policy": {
                "type": "string",
                "enum": [
                  "RoundRobin",
                  "LeastRequest",
                  "Random",
                  "RingHash",
                  "Maglev"
                ],
                "default": "LeastRequest"
              },
              "hash": {
                "type": "object",
                "required": [
                  "by"
                ],
                "additionalProperties": false,
                "properties": {
                  "by": {
                    "type": "string",
                    "enum": [
                      "Header",
                      "Cookie",
                      "Query",
                      "SourceAddress"
                    ]
                  },
                  "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 256,
                    "pattern": "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$"
                  },
                  "cookieTtlSeconds": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 31536000
                  }
                }
              },
              "sessionCookie": {
                "type": "object",
                "required": [
                  "name"
                ],
                "additionalProperties": false,
                "properties": {
                  "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 256,
                    "pattern": "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$"
                  },
                  "ttlSeconds": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 31536000
                  }
                }
              },
              "slowStartSeconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": 3600
              },
              "panicThresholdPercent": {
                "type": "integer",
                "minimum": 0,
                "maximum": 100
              },
              "zones": {
                "type": "string",
                "enum": [
                  "Any",
                  "Prefer"
                ]
              }
            }
          },
          "timeouts": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "requestMilliseconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": 86400000
              },
              "idleMilliseconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": 86400000
              },
              "connectMilliseconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": 600000
              }
            }
          },
          "retry": {
            "type": "object",
            "default": {},
            "additionalProperties": false,
            "properties": {
              "attempts": {
                "type": "integer",
                "default": 1,
                "minimum": 0,
                "maximum": 10
              },
              "perTryTimeoutMilliseconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": 86400000
              },
              "when": {
                "type": "array",
                "default": [
                  "ConnectFailure",
                  "Refused"
                ],
                "maxItems": 3,
                "items": {
                  "type": "string",
                  "enum": [
                    "ConnectFailure",
                    "Refused",
                    "GatewayError"
                  ]
                }
              },
              "budgetPercent": {
                "type": "integer",
                "minimum": 1,
                "maximum": 100
              }
            }
          },
          "connections": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": false,
            "properties": {
              "max": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000000
              },
              "maxPendingRequests": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000000
              },
              "maxRequests": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000000
              },
              "maxRequestsPerConnection": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000000
              },
              "idleMilliseconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": 86400000
              }
            }
          },
          "outlierDetection": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "consecutiveErrors": {
                "type": "integer",
                "default": 5,
                "minimum": 0,
                "maximum": 1000
              },
              "consecutiveGatewayErrors": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000
              },
              "intervalMilliseconds": {
                "type": "integer",
                "default": 10000,
                "minimum": 100,
                "maximum": 3600000
              },
              "ejectionMilliseconds": {
                "type": "integer",
                "default": 30000,
                "minimum": 100,
                "maximum": 3600000
              },
              "maxEjectedPercent": {
                "type": "integer",
                "default": 50,
                "minimum": 1,
                "maximum": 100
              }
            }
          },
          "healthCheck": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "path": {
                "type": "string",
                "default": "/",
                "minLength": 1,
                "maxLength": 1024,
                "pattern": "^/[^#\\s]*$"
              },
              "intervalMilliseconds": {
                "type": "integer",
                "default": 10000,
                "minimum": 100,
                "maximum": 3600000
              },
              "timeoutMilliseconds": {
                "type": "integer",
                "default": 1000,
                "minimum": 10,
                "maximum": 600000
              },
              "healthyThreshold": {
                "type": "integer",
                "default": 2,
                "minimum": 1,
                "maximum": 100
              },
              "unhealthyThreshold": {
                "type": "integer",
                "default": 3,
                "minimum": 1,
                "maximum": 100
              }
            }
          },
          "rateLimit": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": false,
            "properties": {
              "requestsPerSecond": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000000
              },
              "burst": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000000
              },
              "rules": {
                "type": "array",
                "minItems": 1,
                "maxItems": 16,
                "items": {
                  "type": "object",
                  "required": [
                    "requestsPerSecond"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "path": {
                      "type": "object",
                      "required": [
                        "type",
                        "value"
                      ],
                      "additionalProperties": false,
                      "properties": {
                        "type": {
                          "type": "string",
                          "enum": [
                            "Exact",
                            "Prefix",
                            "Regex"
                          ]
                        },
                        "value": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 1024,
                          "pattern": "^/"
                        }
                      }
                    },
                    "method": {
                      "type": "string",
                      "enum": [
                        "GET",
                        "HEAD",
                        "POST",
                        "PUT",
                        "DELETE",
                        "CONNECT",
                        "OPTIONS",
                        "TRACE",
                        "PATCH"
                      ]
                    },
                    "source": {
                      "type": "object",
                      "minProperties": 1,
                      "additionalProperties": false,
                      "properties": {
                        "namespace": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 63,
                          "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
                        },
                        "serviceAccount": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 253,
                          "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                        }
                      }
                    },
                    "requestsPerSecond": {
                      "type": "integer",
                      "minimum": 1,
                      "maximum": 1000000
                    },
                    "burst": {
                      "type": "integer",
                      "minimum": 1,
                      "maximum": 1000000
                    }
                  }
                }
              }
            }
          },
          "telemetry": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": false,
            "properties": {
              "accessLog": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "minStatus": {
                    "type": "integer",
                    "minimum": 200,
                    "maximum": 599
                  },
                  "slowerThanMilliseconds": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 3600000
                  },
                  "percent": {
                    "type": "integer",
                    "default": 100,
                    "minimum": 1,
                    "maximum": 100
                  }
                }
              },
              "tracing": {
                "type": "object",
                "required": [
                  "percent"
                ],
                "additionalProperties": false,
                "properties": {
                  "percent": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 100
                  }
                }
              }
            }
          },
          "tls": {
            "type": "object",
            "default": {},
            "additionalProperties": false,
            "properties": {
              "mode": {
                "type": "string",
                "enum": [
                  "Permissive",
                  "Strict"
                ],
                "default": "Permissive"
              }
            }
          }
        }
      },
      "status": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "endpoints": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "total": {
                "type": "integer",
                "minimum": 0
              },
              "known": {
                "type": "integer",
                "minimum": 0
              }
            }
          },
          "found": {
            "type": "object",
            "required": [
              "for",
              "endpoints"
            ],
            "additionalProperties": false,
            "properties": {
              "for": {
                "type": "string",
                "maxLength": 2048
              },
              "endpoints": {
                "type": "array",
                "maxItems": 1000,
                "items": {
                  "type": "object",
                  "required": [
                    "address"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "address": {
                      "type": "string",
                      "maxLength": 45
                    },
                    "port": {
                      "type": "integer",
                      "minimum": 1,
                      "maximum": 65535
                    },
                    "weight": {
                      "type": "integer",
                      "minimum": 1,
                      "maximum": 1000
                    },
                    "zone": {
                      "type": "string",
                      "maxLength": 63
                    },
                    "labels": {
                      "type": "object",
                      "maxProperties": 64,
                      "additionalProperties": {
                        "type": "string",
                        "maxLength": 1024
                      }
                    }
                  }
                }
              }
            }
          },
          "proxies": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "targeted": {
                "type": "integer",
                "minimum": 0
              },
              "acknowledged": {
                "type": "integer",
                "minimum": 0
              },
              "rejected": {
                "type": "integer",
                "minimum": 0
              },
              "unreachable": {
                "type": "integer",
                "minimum": 0
              }
            }
          },
          "conditions": {
            "type": "array",
            "maxItems": 8,
            "items": {
              "type": "object",
              "required": [
                "type",
                "status",
                "lastTransitionTime",
                "reason",
                "message"
              ],
              "additionalProperties": false,
              "properties": {
                "type": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 316
                },
                "status": {
                  "type": "string",
                  "enum": [
                    "True",
                    "False",
                    "Unknown"
                  ]
                },
                "observedGeneration": {
                  "type": "integer",
                  "minimum": 0
                },
                "lastTransitionTime": {
                  "type": "string",
                  "maxLength": 64
                },
                "reason": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 1024
                },
                "message": {
                  "type": "string",
                  "maxLength": 32768
                }
              }
            }
          }
        }
      }
    }
  },
  "NetworkPolicy": {
    "type": "object",
    "required": [
      "apiVersion",
      "kind",
      "metadata",
      "spec"
    ],
    "additionalProperties": false,
    "properties": {
      "apiVersion": {
        "type": "string"
      },
      "kind": {
        "type": "string"
      },
      "metadata": {
        "type": "object",
        "required": [
          "name"
        ],
        "properties": {
          "name": {
            "type": "string"
          }
        }
      },
      "spec": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "priority": {
            "type": "integer",
            "default": 500,
            "minimum": 0,
            "maximum": 1000
          },
          "mode": {
            "type": "string",
            "enum": [
              "Enforce",
              "Audit"
            ],
            "default": "Enforce"
          },
          "establishedConnections": {
            "type": "string",
            "enum": [
              "Reevaluate",
              "Keep"
            ],
            "default": "Reevaluate"
          },
          "podSelector": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "matchLabels": {
                "type": "object",
                "maxProperties": 32,
                "additionalProperties": {
                  "type": "string",
                  "maxLength": 63,
                  "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                }
              },
              "matchExpressions": {
                "type": "array",
                "maxItems": 16,
                "items": {
                  "type": "object",
                  "required": [
                    "key",
                    "operator"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "key": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 317
                    },
                    "operator": {
                      "type": "string",
                      "enum": [
                        "In",
                        "NotIn",
                        "Exists",
                        "DoesNotExist"
                      ]
                    },
                    "values": {
                      "type": "array",
                      "maxItems": 64,
                      "items": {
                        "type": "string",
                        "maxLength": 63,
                        "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                      }
                    }
                  }
                }
              }
            }
          },
          "connections": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "ingress": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "max": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1000000
                  },
                  "newPerSecond": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1000000
                  }
                }
              },
              "egress": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "max": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1000000
                  },
                  "newPerSecond": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1000000
                  }
                }
              }
            }
          },
          "bandwidth": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "ingress": {
                "type": "string",
                "maxLength": 16
              },
              "egress": {
                "type": "string",
                "maxLength": 16
              }
            }
          },
          "ingress": {
            "type": "array",
            "maxItems": 64,
            "items": {
              "type": "object",
              "required": [
                "action"
              ],
              "additionalProperties": false,
              "properties": {
                "http": {
                  "type": "array",
                  "minItems": 1,
                  "maxItems": 32,
                  "items": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": false,
                    "properties": {
                      "methods": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 16,
                        "items": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 32,
                          "pattern": "^[A-Z]+$"
                        }
                      },
                      "paths": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 32,
                        "items": {
                          "type": "object",
                          "additionalProperties": false,
                          "properties": {
                            "exact": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 1024,
                              "pattern": "^/[^?#;\\\\]*$"
                            },
                            "prefix": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 1024,
                              "pattern": "^/[^?#;\\\\]*$"
                            }
                          }
                        }
                      },
                      "headers": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 16,
                        "items": {
                          "type": "object",
                          "required": [
                            "name"
                          ],
                          "additionalProperties": false,
                          "properties": {
                            "name": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 256,
                              "pattern": "^[a-z0-9!#$%&'*+.^_`|~-]+$"
                            },
                            "value": {
                              "type": "string",
                              "maxLength": 4096
                            }
                          }
                        }
                      }
                    }
                  }
                },
                "action": {
                  "type": "string",
                  "enum": [
                    "Allow",
                    "Deny",
                    "Reject",
                    "Pass",
                    "Log"
                  ]
                },
                "from": {
                  "type": "array",
                  "maxItems": 64,
                  "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "podSelector": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                          "matchLabels": {
                            "type": "object",
                            "maxProperties": 32,
                            "additionalProperties": {
                              "type": "string",
                              "maxLength": 63,
                              "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                            }
                          },
                          "matchExpressions": {
                            "type": "array",
                            "maxItems": 16,
                            "items": {
                              "type": "object",
                              "required": [
                                "key",
                                "operator"
                              ],
                              "additionalProperties": false,
                              "properties": {
                                "key": {
                                  "type": "string",
                                  "minLength": 1,
                                  "maxLength": 317
                                },
                                "operator": {
                                  "type": "string",
                                  "enum": [
                                    "In",
                                    "NotIn",
                                    "Exists",
                                    "DoesNotExist"
                                  ]
                                },
                                "values": {
                                  "type": "array",
                                  "maxItems": 64,
                                  "items": {
                                    "type": "string",
                                    "maxLength": 63,
                                    "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                                  }
                                }
                              }
                            }
                          }
                        }
                      },
                      "namespaceSelector": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                          "matchLabels": {
                            "type": "object",
                            "maxProperties": 32,
                            "additionalProperties": {
                              "type": "string",
                              "maxLength": 63,
                              "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                            }
                          },
                          "matchExpressions": {
                            "type": "array",
                            "maxItems": 16,
                            "items": {
                              "type": "object",
                              "required": [
                                "key",
                                "operator"
                              ],
                              "additionalProperties": false,
                              "properties": {
                                "key": {
                                  "type": "string",
                                  "minLength": 1,
                                  "maxLength": 317
                                },
                                "operator": {
                                  "type": "string",
                                  "enum": [
                                    "In",
                                    "NotIn",
                                    "Exists",
                                    "DoesNotExist"
                                  ]
                                },
                                "values": {
                                  "type": "array",
                                  "maxItems": 64,
                                  "items": {
                                    "type": "string",
                                    "maxLength": 63,
                                    "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                                  }
                                }
                              }
                            }
                          }
                        }
                      },
                      "serviceAccount": {
                        "type": "object",
                        "required": [
                          "name"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "name": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 253,
                            "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                          }
                        }
                      },
                      "service": {
                        "type": "object",
                        "required": [
                          "name"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "name": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 253,
                            "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                          },
                          "namespace": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 63,
                            "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
                          }
                        }
                      },
                      "ipBlock": {
                        "type": "object",
                        "required": [
                          "cidr"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "cidr": {
                            "type": "string",
                            "minLength": 4,
                            "maxLength": 43
                          },
                          "except": {
                            "type": "array",
                            "maxItems": 32,
                            "items": {
                              "type": "string",
                              "minLength": 4,
                              "maxLength": 43
                            }
                          }
                        }
                      }
                    }
                  }
                },
                "ports": {
                  "type": "array",
                  "maxItems": 64,
                  "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "protocol": {
                        "type": "string",
                        "enum": [
                          "TCP",
                          "UDP",
                          "SCTP",
                          "ICMP",
                          "ICMPv6"
                        ],
                        "default": "TCP"
                      },
                      "icmp": {
                        "type": "object",
                        "required": [
                          "type"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "type": {
                            "type": "integer",
                            "minimum": 0,
                            "maximum": 255
                          },
                          "code": {
                            "type": "integer",
                            "minimum": 0,
                            "maximum": 255
                          }
                        }
                      },
                      "port": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 65535
                      },
                      "endPort": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 65535
                      }
                    }
                  }
                }
              }
            }
          },
          "egress": {
            "type": "array",
            "maxItems": 64,
            "items": {
              "type": "object",
              "required": [
                "action"
              ],
              "additionalProperties": false,
              "properties": {
                "action": {
                  "type": "string",
                  "enum": [
                    "Allow",
                    "Deny",
                    "Reject",
                    "Pass",
                    "Log"
                  ]
                },
                "to": {
                  "type": "array",
                  "maxItems": 64,
                  "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "podSelector": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                          "matchLabels": {
                            "type": "object",
                            "maxProperties": 32,
                            "additionalProperties": {
                              "type": "string",
                              "maxLength": 63,
                              "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                            }
                          },
                          "matchExpressions": {
                            "type": "array",
                            "maxItems": 16,
                            "items": {
                              "type": "object",
                              "required": [
                                "key",
                                "operator"
                              ],
                              "additionalProperties": false,
                              "properties": {
                                "key": {
                                  "type": "string",
                                  "minLength": 1,
                                  "maxLength": 317
                                },
                                "operator": {
                                  "type": "string",
                                  "enum": [
                                    "In",
                                    "NotIn",
                                    "Exists",
                                    "DoesNotExist"
                                  ]
                                },
                                "values": {
                                  "type": "array",
                                  "maxItems": 64,
                                  "items": {
                                    "type": "string",
                                    "maxLength": 63,
                                    "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                                  }
                                }
                              }
                            }
                          }
                        }
                      },
                      "namespaceSelector": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                          "matchLabels": {
                            "type": "object",
                            "maxProperties": 32,
                            "additionalProperties": {
                              "type": "string",
                              "maxLength": 63,
                              "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                            }
                          },
                          "matchExpressions": {
                            "type": "array",
                            "maxItems": 16,
                            "items": {
                              "type": "object",
                              "required": [
                                "key",
                                "operator"
                              ],
                              "additionalProperties": false,
                              "properties": {
                                "key": {
                                  "type": "string",
                                  "minLength": 1,
                                  "maxLength": 317
                                },
                                "operator": {
                                  "type": "string",
                                  "enum": [
                                    "In",
                                    "NotIn",
                                    "Exists",
                                    "DoesNotExist"
                                  ]
                                },
                                "values": {
                                  "type": "array",
                                  "maxItems": 64,
                                  "items": {
                                    "type": "string",
                                    "maxLength": 63,
                                    "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                                  }
                                }
                              }
                            }
                          }
                        }
                      },
                      "serviceAccount": {
                        "type": "object",
                        "required": [
                          "name"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "name": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 253,
                            "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                          }
                        }
                      },
                      "service": {
                        "type": "object",
                        "required": [
                          "name"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "name": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 253,
                            "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                          },
                          "namespace": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 63,
                            "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
                          }
                        }
                      },
                      "ipBlock": {
                        "type": "object",
                        "required": [
                          "cidr"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "cidr": {
                            "type": "string",
                            "minLength": 4,
                            "maxLength": 43
                          },
                          "except": {
                            "type": "array",
                            "maxItems": 32,
                            "items": {
                              "type": "string",
                              "minLength": 4,
                              "maxLength": 43
                            }
                          }
                        }
                      }
                    }
                  }
                },
                "ports": {
                  "type": "array",
                  "maxItems": 64,
                  "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "protocol": {
                        "type": "string",
                        "enum": [
                          "TCP",
                          "UDP",
                          "SCTP",
                          "ICMP",
                          "ICMPv6"
                        ],
                        "default": "TCP"
                      },
                      "icmp": {
                        "type": "object",
                        "required": [
                          "type"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "type": {
                            "type": "integer",
                            "minimum": 0,
                            "maximum": 255
                          },
                          "code": {
                            "type": "integer",
                            "minimum": 0,
                            "maximum": 255
                          }
                        }
                      },
                      "port": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 65535
                      },
                      "endPort": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 65535
                      }
                    }
                  }
                }
              }
            }
          }
        }
      },
      "status": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "selectedPods": {
            "type": "integer",
            "minimum": 0
          },
          "nodes": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "targeted": {
                "type": "integer",
                "minimum": 0
              },
              "programmed": {
                "type": "integer",
                "minimum": 0
              },
              "failed": {
                "type": "integer",
                "minimum": 0
              }
            }
          },
          "conditions": {
            "type": "array",
            "maxItems": 8,
            "items": {
              "type": "object",
              "required": [
                "type",
                "status",
                "lastTransitionTime",
                "reason",
                "message"
              ],
              "additionalProperties": false,
              "properties": {
                "type": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 316
                },
                "status": {
                  "type": "string",
                  "enum": [
                    "True",
                    "False",
                    "Unknown"
                  ]
                },
                "observedGeneration": {
                  "type": "integer",
                  "minimum": 0
                },
                "lastTransitionTime": {
                  "type": "string",
                  "maxLength": 64
                },
                "reason": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 1024
                },
                "message": {
                  "type": "string",
                  "maxLength": 32768
                }
              }
            }
          }
        }
      }
    }
  },
  "NodeNetwork": {
    "type": "object",
    "required": [
      "apiVersion",
      "kind",
      "metadata"
    ],
    "additionalProperties": false,
    "properties": {
      "apiVersion": {
        "type": "string"
      },
      "kind": {
        "type": "string"
      },
      "metadata": {
        "type": "object",
        "required": [
          "name"
        ],
        "properties": {
          "name": {
            "type": "string"
          }
        }
      },
      "status": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "address": {
            "type": "string",
            "maxLength": 39
          },
          "tunnelAddresses": {
            "type": "array",
            "maxItems": 2,
            "items": {
              "type": "string",
              "maxLength": 39
            }
          },
          "podMTU": {
            "type": "integer",
            "minimum": 0
          },
          "blocks": {
            "type": "array",
            "maxItems": 4096,
            "items": {
              "type": "string",
              "maxLength": 43
            }
          },
          "versions": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "agent": {
                "type": "string",
                "maxLength": 128
              },
              "kernel": {
                "type": "string",
                "maxLength": 128
              }
            }
          },
          "peerFaults": {
            "type": "array",
            "maxItems": 100,
            "items": {
              "type": "object",
              "required": [
                "node",
                "family",
                "fault"
              ],
              "additionalProperties": false,
              "properties": {
                "node": {
                  "type": "string",
                  "maxLength": 253
                },
                "family": {
                  "type": "integer",
                  "enum": [
                    4,
                    6
                  ],
                  "minimum": 4
                },
                "fault": {
                  "type": "string",
                  "enum": [
                    "Unreachable",
                    "TooSmall"
                  ]
                }
              }
            }
          },
          "bgp": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "asNumber": {
                "type": "integer",
                "minimum": 1
              },
              "sessions": {
                "type": "array",
                "maxItems": 4096,
                "items": {
                  "type": "object",
                  "required": [
                    "address"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "address": {
                      "type": "string",
                      "maxLength": 39
                    },
                    "peer": {
                      "type": "string",
                      "maxLength": 260
                    },
                    "asNumber": {
                      "type": "integer",
                      "minimum": 1
                    },
                    "state": {
                      "type": "string",
                      "maxLength": 32
                    },
                    "since": {
                      "type": "string",
                      "maxLength": 64
                    },
                    "imported": {
                      "type": "integer",
                      "minimum": 0
                    },
                    "exported": {
                      "type": "integer",
                      "minimum": 0
                    },
                    "message": {
                      "type": "string",
                      "maxLength": 1024
                    }
                  }
                }
              }
            }
          },
          "conditions": {
            "type": "array",
            "maxItems": 16,
            "items": {
              "type": "object",
              "required": [
                "type",
                "status",
                "lastTransitionTime",
                "reason",
                "message"
              ],
              "additionalProperties": false,
              "properties": {
                "type": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 316
                },
                "status": {
                  "type": "string",
                  "enum": [
                    "True",
                    "False",
                    "Unknown"
                  ]
                },
                "observedGeneration": {
                  "type": "integer",
                  "minimum": 0
                },
                "lastTransitionTime": {
                  "type": "string",
                  "maxLength": 64
                },
                "reason": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 1024
                },
                "message": {
                  "type": "string",
                  "maxLength": 32768
                }
              }
            }
          }
        }
      }
    }
  },
  "TrafficSplit": {
    "type": "object",
    "required": [
      "apiVersion",
      "kind",
      "metadata",
      "spec"
    ],
    "additionalProperties": false,
    "properties": {
      "apiVersion": {
        "type": "string"
      },
      "kind": {
        "type": "string"
      },
      "metadata": {
        "type": "object",
        "required": [
          "name"
        ],
        "properties": {
          "name": {
            "type": "string"
          }
        }
      },
      "spec": {
        "type": "object",
        "required": [
          "service",
          "port",
          "rules"
        ],
        "additionalProperties": false,
        "properties": {
          "service": {
            "type": "string",
            "minLength": 1,
            "maxLength": 253,
            "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
          },
          "port": {
            "type": "integer",
            "minimum": 1,
            "maximum": 65535
          },
          "rules": {
            "type": "array",
            "minItems": 1,
            "maxItems": 16,
            "items": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "matches": {
                  "type": "array",
                  "maxItems": 16,
                  "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "path": {
                        "type": "object",
                        "required": [
                          "type",
                          "value"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "type": {
                            "type": "string",
                            "enum": [
                              "Exact",
                              "Prefix",
                              "Regex"
                            ]
                          },
                          "value": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 1024,
                            "pattern": "^/"
                          }
                        }
                      },
                      "method": {
                        "type": "string",
                        "enum": [
                          "GET",
                          "HEAD",
                          "POST",
                          "PUT",
                          "DELETE",
                          "CONNECT",
                          "OPTIONS",
                          "TRACE",
                          "PATCH"
                        ]
                      },
                      "headers": {
                        "type": "array",
                        "maxItems": 16,
                        "items": {
                          "type": "object",
                          "required": [
                            "name"
                          ],
                          "additionalProperties": false,
                          "properties": {
                            "name": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 256,
                              "pattern": "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$"
                            },
                            "type": {
                              "type": "string",
                              "enum": [
                                "Exact",
                                "Prefix",
                                "Regex",
                                "Present"
                              ]
                            },
                            "value": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 2048
                            },
                            "not": {
                              "type": "boolean"
                            }
                          }
                        }
                      },
                      "cookies": {
                        "type": "array",
                        "maxItems": 8,
                        "items": {
                          "type": "object",
                          "required": [
                            "name"
                          ],
                          "additionalProperties": false,
                          "properties": {
                            "name": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 256,
                              "pattern": "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$"
                            },
                            "type": {
                              "type": "string",
                              "enum": [
                                "Exact",
                                "Prefix",
                                "Regex",
                                "Present"
                              ]
                            },
                            "value": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 1024,
                              "pattern": "^[^;\\s\"]+$"
                            },
                            "not": {
                              "type": "boolean"
                            }
                          }
                        }
                      },
                      "query": {
                        "type": "array",
                        "maxItems": 8,
                        "items": {
                          "type": "object",
                          "required": [
                            "name"
                          ],
                          "additionalProperties": false,
                          "properties": {
                            "name": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 256
                            },
                            "type": {
                              "type": "string",
                              "enum": [
                                "Exact",
                                "Prefix",
                                "Regex",
                                "Present"
                              ]
                            },
                            "value": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 1024
                            }
                          }
                        }
                      },
                      "source": {
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": false,
                        "properties": {
                          "namespace": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 63,
                            "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
                          },
                          "serviceAccount": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 253,
                            "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                          }
                        }
                      }
                    }
                  }
                },
                "backends": {
                  "type": "array",
                  "minItems": 1,
                  "maxItems": 16,
                  "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "service": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 253,
                        "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                      },
                      "subset": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 63
                      },
                      "port": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 65535
                      },
                      "weight": {
                        "type": "integer",
                        "default": 1,
                        "minimum": 0,
                        "maximum": 1000000
                      }
                    }
                  }
                },
                "timeoutMilliseconds": {
                  "type": "integer",
                  "minimum": 1,
                  "maximum": 86400000
                },
                "retry": {
                  "type": "object",
                  "additionalProperties": false,
                  "properties": {
                    "attempts": {
                      "type": "integer",
                      "default": 1,
                      "minimum": 0,
                      "maximum": 10
                    },
                    "perTryTimeoutMilliseconds": {
                      "type": "integer",
                      "minimum": 1,
                      "maximum": 86400000
                    },
                    "when": {
                      "type": "array",
                      "default": [
                        "ConnectFailure",
                        "Refused"
                      ],
                      "maxItems": 3,
                      "items": {
                        "type": "string",
                        "enum": [
                          "ConnectFailure",
                          "Refused",
                          "GatewayError"
                        ]
                      }
                    }
                  }
                },
                "stickiness": {
                  "type": "object",
                  "required": [
                    "cookie"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "cookie": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 256,
                      "pattern": "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$"
                    },
                    "ttlSeconds": {
                      "type": "integer",
                      "minimum": 1,
                      "maximum": 31536000
                    }
                  }
                },
                "mirrors": {
                  "type": "array",
                  "maxItems": 4,
                  "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "service": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 253,
                        "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                      },
                      "subset": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 63
                      },
                      "port": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 65535
                      },
                      "percent": {
                        "type": "integer",
                        "default": 100,
                        "minimum": 1,
                        "maximum": 100
                      }
                    }
                  }
                },
                "rewrite": {
                  "type": "object",
                  "minProperties": 1,
                  "additionalProperties": false,
                  "properties": {
                    "prefix": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 1024,
                      "pattern": "^/[^?#\\\\]*$"
                    },
                    "path": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 1024,
                      "pattern": "^/[^?#\\\\]*$"
                    },
                    "host": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 253,
                      "pattern": "^[A-Za-z0-9]([-A-Za-z0-9.:]*[A-Za-z0-9])?$"
                    }
                  }
                },
                "redirect": {
                  "type": "object",
                  "additionalProperties": false,
                  "properties": {
                    "scheme": {
                      "type": "string",
                      "enum": [
                        "http",
                        "https"
                      ]
                    },
                    "host": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 253,
                      "pattern": "^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$"
                    },
                    "port": {
                      "type": "integer",
                      "minimum": 1,
                      "maximum": 65535
                    },
                    "path": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 1024,
                      "pattern": "^/[^?#]*$"
                    },
                    "status": {
                      "type": "integer",
                      "enum": [
                        301,
                        302,
                        303,
                        307,
                        308
                      ],
                      "default": 302,
                      "minimum": 301,
                      "maximum": 308
                    }
                  }
                },
                "respond": {
                  "type": "object",
                  "required": [
                    "status"
                  ],
                  "additionalProperties": false,
                  "properties": {
                    "status": {
                      "type": "integer",
                      "minimum": 200,
                      "maximum": 599
                    },
                    "body": {
                      "type": "string",
                      "minLength": 1,
                      "maxLength": 4096
                    }
                  }
                },
                "fault": {
                  "type": "object",
                  "minProperties": 1,
                  "additionalProperties": false,
                  "properties": {
                    "delay": {
                      "type": "object",
                      "required": [
                        "milliseconds"
                      ],
                      "additionalProperties": false,
                      "properties": {
                        "milliseconds": {
                          "type": "integer",
                          "minimum": 1,
                          "maximum": 600000
                        },
                        "percent": {
                          "type": "integer",
                          "default": 100,
                          "minimum": 0,
                          "maximum": 100
                        }
                      }
                    },
                    "abort": {
                      "type": "object",
                      "required": [
                        "status"
                      ],
                      "additionalProperties": false,
                      "properties": {
                        "status": {
                          "type": "integer",
                          "minimum": 200,
                          "maximum": 599
                        },
                        "percent": {
                          "type": "integer",
                          "default": 100,
                          "minimum": 0,
                          "maximum": 100
                        }
                      }
                    }
                  }
                },
                "requestHeaders": {
                  "type": "object",
                  "minProperties": 1,
                  "additionalProperties": false,
                  "properties": {
                    "set": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                        "type": "object",
                        "required": [
                          "name",
                          "value"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "name": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 256,
                            "pattern": "^[A-Za-z0-9!#$&'*+\\-.^_\\x60|~]+$"
                          },
                          "value": {
                            "type": "string",
                            "maxLength": 4096,
                            "pattern": "^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$"
                          }
                        }
                      }
                    },
                    "add": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                        "type": "object",
                        "required": [
                          "name",
                          "value"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "name": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 256,
                            "pattern": "^[A-Za-z0-9!#$&'*+\\-.^_\\x60|~]+$"
                          },
                          "value": {
                            "type": "string",
                            "maxLength": 4096,
                            "pattern": "^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$"
                          }
                        }
                      }
                    },
                    "remove": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 256,
                        "pattern": "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$"
                      }
                    }
                  }
                },
                "responseHeaders": {
                  "type": "object",
                  "minProperties": 1,
                  "additionalProperties": false,
                  "properties": {
                    "set": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                        "type": "object",
                        "required": [
                          "name",
                          "value"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "name": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 256,
                            "pattern": "^[A-Za-z0-9!#$&'*+\\-.^_\\x60|~]+$"
                          },
                          "value": {
                            "type": "string",
                            "maxLength": 4096,
                            "pattern": "^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$"
                          }
                        }
                      }
                    },
                    "add": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                        "type": "object",
                        "required": [
                          "name",
                          "value"
                        ],
                        "additionalProperties": false,
                        "properties": {
                          "name": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 256,
                            "pattern": "^[A-Za-z0-9!#$&'*+\\-.^_\\x60|~]+$"
                          },
                          "value": {
                            "type": "string",
                            "maxLength": 4096,
                            "pattern": "^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$"
                          }
                        }
                      }
                    },
                    "remove": {
                      "type": "array",
                      "maxItems": 16,
                      "items": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 256,
                        "pattern": "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$"
                      }
                    }
                  }
                }
              }
            }
          },
          "onNoEndpoints": {
            "type": "string",
            "enum": [
              "Fail",
              "Redistribute"
            ]
          }
        }
      },
      "status": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "proxies": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "targeted": {
                "type": "integer",
                "minimum": 0
              },
              "acknowledged": {
                "type": "integer",
                "minimum": 0
              },
              "rejected": {
                "type": "integer",
                "minimum": 0
              },
              "unreachable": {
                "type": "integer",
                "minimum": 0
              }
            }
          },
          "backends": {
            "type": "array",
            "maxItems": 512,
            "items": {
              "type": "object",
              "required": [
                "service",
                "port",
                "percent"
              ],
              "additionalProperties": false,
              "properties": {
                "service": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 253
                },
                "subset": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 63
                },
                "port": {
                  "type": "integer",
                  "minimum": 1,
                  "maximum": 65535
                },
                "percent": {
                  "type": "integer",
                  "minimum": 0,
                  "maximum": 100
                }
              }
            }
          },
          "conditions": {
            "type": "array",
            "maxItems": 8,
            "items": {
              "type": "object",
              "required": [
                "type",
                "status",
                "lastTransitionTime",
                "reason",
                "message"
              ],
              "additionalProperties": false,
              "properties": {
                "type": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 316
                },
                "status": {
                  "type": "string",
                  "enum": [
                    "True",
                    "False",
                    "Unknown"
                  ]
                },
                "observedGeneration": {
                  "type": "integer",
                  "minimum": 0
                },
                "lastTransitionTime": {
                  "type": "string",
                  "maxLength": 64
                },
                "reason": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 1024
                },
                "message": {
                  "type": "string",
                  "maxLength": 32768
                }
              }
            }
          }
        }
      }
    }
  }
};

Require Import Reals ZArith Lra Lia.
Open Scope R_scope.

(* Vectors: a real inner-product space. That addition is commutative, say, follows from inner_separates. *)
Record Space := {
  vector :> Type;
  add : vector -> vector -> vector;
  scale : R -> vector -> vector;
  inner : vector -> vector -> R;
  inner_add : forall u v w, inner (add u v) w = inner u w + inner v w;
  inner_scale : forall c u w, inner (scale c u) w = c * inner u w;
  inner_sym : forall u v, inner u v = inner v u;
  inner_nonneg : forall u, 0 <= inner u u;
  inner_separates : forall u v, (forall w, inner u w = inner v w) -> u = v
}.
Arguments add {_}. Arguments scale {_}. Arguments inner {_}.
Arguments inner_add {_}. Arguments inner_scale {_}. Arguments inner_sym {_}.
Arguments inner_nonneg {_}. Arguments inner_separates {_}.

(* Square matrices: such a space with a product; nothing is assumed of product and inner product together. *)
Record Algebra := {
  space :> Space;
  one : space;
  mul : space -> space -> space;
  inverse : space -> space;
  det : space -> R;
  mul_one_l : forall a, mul one a = a;
  mul_one_r : forall a, mul a one = a;
  mul_assoc : forall a b c, mul (mul a b) c = mul a (mul b c);
  mul_add_l : forall a b c, mul (add a b) c = add (mul a c) (mul b c);
  mul_add_r : forall a b c, mul a (add b c) = add (mul a b) (mul a c);
  mul_scale_l : forall r a b, mul (scale r a) b = scale r (mul a b);
  mul_scale_r : forall r a b, mul a (scale r b) = scale r (mul a b);
  inverse_l : forall a, det a <> 0 -> mul (inverse a) a = one;
  inverse_r : forall a, det a <> 0 -> mul a (inverse a) = one
}.
Arguments one {_}. Arguments mul {_}. Arguments inverse {_}. Arguments det {_}.

(* Square matrices with their transposes. *)
Record Matrices := {
  algebra :> Algebra;
  transpose : algebra -> algebra;
  transpose_transpose : forall a, transpose (transpose a) = a;
  transpose_add : forall a b, transpose (add a b) = add (transpose a) (transpose b);
  transpose_scale : forall r a, transpose (scale r a) = scale r (transpose a);
  transpose_mul : forall a b, transpose (mul a b) = mul (transpose b) (transpose a);
  det_transpose : forall a, det (transpose a) = det a
}.
Arguments transpose {_}.

Declare Scope vector_scope.
Delimit Scope vector_scope with V.
Notation "u + v" := (add u v) : vector_scope.
Notation "u - v" := (add u (scale (-1) v)) : vector_scope.
Notation "- v" := (scale (-1) v) : vector_scope.
Notation "c *: v" := (scale c%R v%V) (at level 40, left associativity) : vector_scope.
Notation "a ** b" := (mul a%V b%V) (at level 40, left associativity) : vector_scope.
Notation "<| u , v |>" := (inner u%V v%V) (at level 0, format "<| u ,  v |>").

Section Inner.
Context {V : Space}.
Lemma inner_add_r (u v w : V) : inner u (add v w) = inner u v + inner u w.
Proof. rewrite inner_sym, inner_add, (inner_sym v), (inner_sym w). reflexivity. Qed.
Lemma inner_scale_r c (u v : V) : inner u (scale c v) = c * inner u v.
Proof. rewrite inner_sym, inner_scale, (inner_sym v). reflexivity. Qed.
Theorem cauchy_schwarz (u v : V) : inner u v ^ 2 <= inner u u * inner v v.
Proof.
  pose proof (inner_nonneg (add (scale (inner v v) u) (scale (- inner u v) v))) as H.
  rewrite !inner_add, !inner_add_r, !inner_scale, !inner_scale_r, (inner_sym v u) in H.
  destruct (Req_dec (inner u v) 0) as [E|E].
  { rewrite E. replace (0 ^ 2) with 0 by ring. apply Rmult_le_pos; apply inner_nonneg. }
  destruct (Req_dec (inner v v) 0) as [Z|N].
  - pose proof (inner_nonneg (add u (scale (- (inner u u + 1) / (2 * inner u v)) v))) as K.
    rewrite !inner_add, !inner_add_r, !inner_scale, !inner_scale_r, (inner_sym v u), Z in K.
    match type of K with 0 <= ?e => replace e with (-1) in K by (field; exact E) end. lra.
  - assert (P : 0 < inner v v) by (pose proof (inner_nonneg v); lra).
    apply Rmult_le_reg_l with (inner v v); [exact P | lra].
Qed.
End Inner.

(* Signs *)
Lemma gap_le {a b} : a <= b -> 0 <= b - a. Proof. lra. Qed.
Lemma gap_ge {a b} : a >= b -> 0 <= a - b. Proof. lra. Qed.
Lemma gap_lt {a b} : a < b -> 0 < b - a. Proof. lra. Qed.
Lemma gap_gt {a b} : a > b -> 0 < a - b. Proof. lra. Qed.
Lemma gap_eq {a b} : a = b -> a - b = 0. Proof. lra. Qed.
Lemma gap_ne {a b} : a <> b -> a - b <> 0. Proof. lra. Qed.
Lemma of_gap_le {a b} : 0 <= b - a -> a <= b. Proof. lra. Qed.
Lemma of_gap_ge {a b} : 0 <= a - b -> a >= b. Proof. lra. Qed.
Lemma of_gap_lt {a b} : 0 < b - a -> a < b. Proof. lra. Qed.
Lemma of_gap_gt {a b} : 0 < a - b -> a > b. Proof. lra. Qed.
Lemma of_gap_eq {a b} : a - b = 0 -> a = b. Proof. lra. Qed.
Lemma le_as {a b} : a = b -> 0 <= b -> 0 <= a. Proof. lra. Qed.
Lemma lt_as {a b} : a = b -> 0 < b -> 0 < a. Proof. lra. Qed.
Lemma ne_as {a b} : a = b -> b <> 0 -> a <> 0. Proof. lra. Qed.
Lemma eq_as {a b} : a = b -> b = 0 -> a = 0. Proof. lra. Qed.
Lemma square_zero {s b} : s * s = b -> s * s - b = 0. Proof. lra. Qed.
Lemma nonzero_of_pos {a} : 0 < a -> a <> 0. Proof. lra. Qed.

Lemma root_le {a b p r} : p <= r -> p = a ^ 2 -> r = b ^ 2 -> 0 <= b -> a <= b.
Proof. intros H -> -> B. apply Rsqr_incr_0_var; [unfold Rsqr; lra | exact B]. Qed.

Lemma le_through {a b c} : a <= b -> b = c -> a <= c. Proof. lra. Qed.

(* Stages: the hypotheses hold at stage 0 and at every stage t < T. *)
Definition at_stage (T t : Z) : Prop := t = 0%Z \/ (0 <= t < T)%Z.

Lemma at_start {T} : at_stage T 0. Proof. left; reflexivity. Qed.
Lemma at_stage_nonneg {T t} : at_stage T t -> (0 <= t)%Z. Proof. unfold at_stage; lia. Qed.
Lemma at_below {T t} : (0 <= t)%Z -> (t < T)%Z -> at_stage T t. Proof. unfold at_stage; lia. Qed.
Lemma at_number {T} i j : andb (0 <=? i)%Z (i <? j)%Z = true -> (j <= T)%Z -> at_stage T i.
Proof. unfold at_stage; lia. Qed.
Lemma at_within {T t} : (0 <= T)%Z -> at_stage T t -> (0 <= t <= T)%Z. Proof. unfold at_stage; lia. Qed.
Lemma horizon_beyond {T t} k : (0 <? k)%Z = true -> (k <= t)%Z -> at_stage T t -> (k <= T)%Z.
Proof. unfold at_stage; lia. Qed.
Lemma sooner {T} i j : (i <=? j)%Z = true -> (j <= T)%Z -> (i <= T)%Z. Proof. lia. Qed.

Lemma induction_over_stages (P : Z -> Prop) (k T : Z) :
  ((k <= T)%Z -> P k) -> (forall t, (k <= t)%Z -> (t < T)%Z -> P t -> P (t + 1)%Z) ->
  forall t, (k <= t <= T)%Z -> P t.
Proof.
  intros first advance t within.
  assert (from : forall n : Z, (0 <= n)%Z -> (k + n <= T)%Z -> P (k + n)%Z).
  { apply (natlike_ind (fun n => (k + n <= T)%Z -> P (k + n)%Z)).
    - rewrite Z.add_0_r. exact first.
    - intros n nonneg IH below. unfold Z.succ in *. rewrite Z.add_assoc in *.
      apply advance; [lia | lia | apply IH; lia]. }
  replace t with (k + (t - k))%Z by lia. apply from; lia.
Qed.

Lemma real_ge {a b} : (a >= b)%Z -> IZR a >= IZR b. Proof. exact (fun H => Rle_ge _ _ (IZR_le _ _ (Z.ge_le _ _ H))). Qed.
Lemma real_le {a b} : (a <= b)%Z -> IZR a <= IZR b. Proof. exact (IZR_le a b). Qed.
Lemma real_gt {a b} : (a > b)%Z -> IZR a > IZR b. Proof. exact (fun H => IZR_lt _ _ (Z.gt_lt _ _ H)). Qed.
Lemma real_lt {a b} : (a < b)%Z -> IZR a < IZR b. Proof. exact (IZR_lt a b). Qed.
Lemma real_eq {a b} : a = b -> IZR a = IZR b. Proof. intros ->; reflexivity. Qed.
Lemma real_ne {a b} : a <> b -> IZR a <> IZR b. Proof. exact (fun H E => H (eq_IZR _ _ E)). Qed.

Lemma powerRZ_pow b n : (0 <= n)%Z -> powerRZ b n = b ^ Z.to_nat n.
Proof. destruct n; simpl; intros; [reflexivity | reflexivity | lia]. Qed.
Lemma powerRZ_nonneg b n : (0 <= n)%Z -> 0 <= b -> 0 <= powerRZ b n.
Proof. intros H B. rewrite powerRZ_pow by exact H. apply pow_le; exact B. Qed.
Lemma power_later b n k : (0 <= n)%Z -> (0 <= k)%Z -> powerRZ b (n + k) = powerRZ b n * b ^ Z.to_nat k.
Proof. intros. rewrite !powerRZ_pow, Z2Nat.inj_add, pow_add by lia. reflexivity. Qed.
Lemma power_earlier b n k : b <> 0 -> (0 <= k)%Z -> powerRZ b (n - k) = powerRZ b n * / b ^ Z.to_nat k.
Proof.
  intros N H. unfold Z.sub. rewrite powerRZ_add by exact N.
  rewrite powerRZ_neg', (powerRZ_pow b k) by exact H. reflexivity.
Qed.

(* What T stages of b <- ratio b + forcing(t) make of start: ratio^T start + sum_{t < T} ratio^(T-1-t) forcing(t). *)
Fixpoint sum_below (n : nat) (f : Z -> R) : R :=
  match n with O => 0 | S m => sum_below m f + f (Z.of_nat m) end.
Definition geometric_sum (start ratio : R) (forcing : Z -> R) (T : Z) : R :=
  powerRZ ratio T * start + sum_below (Z.to_nat T) (fun t => powerRZ ratio (T - 1 - t) * forcing t).

Lemma sum_below_scaled n f g r :
  (forall t, (0 <= t < Z.of_nat n)%Z -> g t = r * f t) -> sum_below n g = r * sum_below n f.
Proof.
  induction n as [|n IH]; simpl sum_below; intros H; [ring|].
  rewrite IH by (intros; apply H; lia). rewrite H by lia. ring.
Qed.

Lemma geometric_sum_next start ratio forcing T : (0 <= T)%Z ->
  geometric_sum start ratio forcing (T + 1) = ratio * geometric_sum start ratio forcing T + forcing T.
Proof.
  intros H. unfold geometric_sum. rewrite power_later by lia.
  replace (Z.to_nat (T + 1)) with (S (Z.to_nat T)) by lia. simpl sum_below.
  rewrite (sum_below_scaled _ (fun t => powerRZ ratio (T - 1 - t) * forcing t) _ ratio).
  - rewrite Z2Nat.id by exact H. replace (T + 1 - 1 - T)%Z with 0%Z by lia. simpl. ring.
  - intros t within. replace (T + 1 - 1 - t)%Z with (T - 1 - t + 1)%Z by lia.
    rewrite power_later by lia. simpl. ring.
Qed.

Lemma unroll (a forcing : Z -> R) (ratio : R) (T : Z) : (0 <= T)%Z -> 0 <= ratio ->
  (forall t, at_stage T t -> a (t + 1)%Z <= ratio * a t + forcing t) -> a T <= geometric_sum (a 0%Z) ratio forcing T.
Proof.
  intros horizon nonneg step.
  refine (induction_over_stages (fun t => a t <= geometric_sum (a 0%Z) ratio forcing t) 0 T _ _ T _); try lia.
  - intros _. unfold geometric_sum. simpl. lra.
  - intros t from below IH. rewrite geometric_sum_next by exact from.
    apply Rle_trans with (1 := step t (at_below from below)).
    apply Rplus_le_compat_r, Rmult_le_compat_l; assumption.
Qed.

(* Closes a goal 0 <= e or 0 < e from the shape of e and the signs in the context. *)
Ltac positive :=
  match goal with
  | H : ?P |- ?P => exact H
  | |- 0 <= IZR _ => apply IZR_le; discriminate
  | |- 0 < IZR _ => apply IZR_lt; reflexivity
  | |- 0 <= _ ^ 2 => apply pow2_ge_0
  | |- 0 <= inner ?u ?u => apply inner_nonneg
  | |- 0 <= sqrt _ => apply sqrt_pos
  | |- 0 < sqrt _ => apply sqrt_lt_R0; positive
  | |- 0 < / _ => apply Rinv_0_lt_compat; positive
  | |- 0 < _ / _ => apply Rdiv_lt_0_compat; positive
  | |- 0 < _ * _ => apply Rmult_lt_0_compat; positive
  | |- 0 < _ ^ _ => apply pow_lt; positive
  | |- 0 < powerRZ _ _ => apply powerRZ_lt; positive
  | |- 0 < _ + _ =>
      first [apply Rplus_lt_le_0_compat; positive | apply Rplus_le_lt_0_compat; positive]
  | |- 0 <= powerRZ _ _ => apply powerRZ_nonneg; [lia | positive]
  | |- 0 <= _ ^ _ => apply pow_le; positive
  | |- 0 <= _ + _ => apply Rplus_le_le_0_compat; positive
  | |- 0 <= _ * _ => apply Rmult_le_pos; positive
  | |- 0 <= ?a / ?b => apply (Rmult_le_pos a (/ b)); positive
  | |- 0 <= _ => apply Rlt_le; positive
  end.

(* Closes the side conditions of field: each is a number, or one of the context but for a nonzero factor. *)
Ltac nonzero_one :=
  match goal with
  | H : ?P |- ?P => exact H
  | |- IZR _ <> 0 => apply not_0_IZR; discriminate
  | H : ?b <> 0 |- ?e <> 0 => let E := fresh in intro E; apply H; transitivity e; [ring | exact E]
  | H : ?b <> 0 |- ?e <> 0 => let E := fresh in intro E; apply H; transitivity (- e); [ring | rewrite E; ring]
  | H : ?b <> 0 |- ?e <> 0 => let E := fresh in intro E; apply H; transitivity (e / 2); [field | rewrite E; field]
  | |- _ * _ <> 0 => apply Rmult_integral_contrapositive_currified; nonzero_one
  end.
Ltac nonzero := repeat split; nonzero_one.

(* Inner products of linear combinations, expanded by computation. The letters are numbered: of two, the inner product
   is written in the order of the numbers. *)
Section Expansion.
Context {V : Space}.
Inductive combination :=
  | Letter (n : nat) (v : V) | Sum (a b : combination) | Multiple (c : R) (a : combination).
Fixpoint value (a : combination) : V :=
  match a with
  | Letter _ v => v | Sum a b => add (value a) (value b) | Multiple c a => scale c (value a)
  end.
Fixpoint extended (f : nat -> V -> R) (k : R) (a : combination) : R :=
  match a with
  | Letter n v => k * f n v | Sum a b => extended f k a + extended f k b | Multiple c a => extended f (k * c) a
  end.
Definition ordered (m n : nat) (v w : V) : R := if Nat.leb m n then inner v w else inner w v.
Lemma ordered_inner m n v w : ordered m n v w = inner v w.
Proof. unfold ordered. destruct (Nat.leb m n); [reflexivity | apply inner_sym]. Qed.
Lemma extended_inner a k w : extended (fun _ v => inner v w) k a = k * inner (value a) w.
Proof.
  revert k; induction a as [n v | a IHa b IHb | c a IHa]; intros k; simpl.
  - reflexivity.
  - rewrite IHa, IHb, inner_add. ring.
  - rewrite IHa, inner_scale. ring.
Qed.
Lemma extended_same f g k a : (forall n v, f n v = g n v) -> extended f k a = extended g k a.
Proof.
  intros E; revert k; induction a as [n v | a IHa b IHb | c a IHa]; intros k; simpl.
  - rewrite E. reflexivity.
  - rewrite IHa, IHb. reflexivity.
  - apply IHa.
Qed.
Lemma inner_expanded a b :
  inner (value a) (value b) = extended (fun n v => extended (fun m w => ordered m n w v) 1 b) 1 a.
Proof.
  rewrite (extended_same _ (fun _ v => inner v (value b))).
  - rewrite extended_inner. ring.
  - intros n v. rewrite (extended_same _ (fun _ w => inner w v)) by (intros; apply ordered_inner).
    rewrite extended_inner, inner_sym. ring.
Qed.
End Expansion.

Ltac numbered v letters :=
  lazymatch letters with
  | cons v _ => constr:(O) | cons _ ?more => let n := numbered v more in constr:(S n) | _ => constr:(O)
  end.
Ltac reify v letters :=
  lazymatch v with
  | add ?a ?b => let x := reify a letters in let y := reify b letters in constr:(Sum x y)
  | scale ?c ?a => let x := reify a letters in constr:(Multiple c x)
  | _ => let n := numbered v letters in constr:(Letter n v)
  end.
(* Expands the left side of a goal inner u v = e, with letters in the order of a list; a list of none leaves them. *)
Ltac expand_left letters :=
  lazymatch goal with
  | |- inner ?u ?v = _ =>
      let a := reify u letters in let b := reify v letters in
      refine (eq_trans (inner_expanded a b) _); cbv beta iota delta [extended ordered Nat.leb]
  end.

(* Turns a goal u = v into an identity of real numbers. *)
Ltac vectors_equal :=
  let w := fresh in apply inner_separates; intro w; expand_left tt; symmetry; expand_left tt.

Lemma inverse_l_before {A : Algebra} (a b : A) : det a <> 0 -> mul (inverse a) (mul a b) = b.
Proof. intros H. rewrite <- mul_assoc, inverse_l, mul_one_l by exact H. reflexivity. Qed.
Lemma inverse_r_before {A : Algebra} (a b : A) : det a <> 0 -> mul a (mul (inverse a) b) = b.
Proof. intros H. rewrite <- mul_assoc, inverse_r, mul_one_l by exact H. reflexivity. Qed.
Global Hint Rewrite mul_one_l mul_one_r mul_assoc mul_add_l mul_add_r mul_scale_l mul_scale_r : algebra.

Lemma transpose_one {M : Matrices} : transpose (one : M) = one.
Proof.
  rewrite <- (mul_one_l M (transpose one)), <- (transpose_transpose M one) at 1.
  rewrite <- transpose_mul, mul_one_l. apply transpose_transpose.
Qed.
Lemma inverse_transpose {M : Matrices} (a : M) : det a <> 0 -> inverse (transpose a) = transpose (inverse a).
Proof.
  intros H. rewrite <- (mul_one_l M (inverse _)), <- transpose_one, <- (inverse_r M a H), transpose_mul, mul_assoc.
  rewrite (inverse_r M (transpose a)) by (rewrite det_transpose; exact H). apply mul_one_r.
Qed.
Lemma transpose_inverse_l {M : Matrices} (a : M) : det a <> 0 -> mul (transpose (inverse a)) (transpose a) = one.
Proof. intros H. rewrite <- transpose_mul, inverse_r by exact H. apply transpose_one. Qed.
Lemma transpose_inverse_r {M : Matrices} (a : M) : det a <> 0 -> mul (transpose a) (transpose (inverse a)) = one.
Proof. intros H. rewrite <- transpose_mul, inverse_l by exact H. apply transpose_one. Qed.
Lemma transpose_inverse_l_before {M : Matrices} (a b : M) :
  det a <> 0 -> mul (transpose (inverse a)) (mul (transpose a) b) = b.
Proof. intros H. rewrite <- mul_assoc, transpose_inverse_l by exact H. apply mul_one_l. Qed.
Lemma transpose_inverse_r_before {M : Matrices} (a b : M) :
  det a <> 0 -> mul (transpose a) (mul (transpose (inverse a)) b) = b.
Proof. intros H. rewrite <- mul_assoc, transpose_inverse_r by exact H. apply mul_one_l. Qed.
Global Hint Rewrite transpose_transpose transpose_add transpose_scale transpose_mul @transpose_one : transposes.

(* Closes 0 <= t_1 + ... + t_n or 0 < t_1 + ... + t_n from the signs of the terms, which are in the context. *)
Ltac positive_sum :=
  match goal with
  | H : ?P |- ?P => exact H
  | H : ?e = 0 |- 0 <= ?e => rewrite H; apply Rle_refl
  | H : 0 < ?e |- 0 <= ?e => exact (Rlt_le _ _ H)
  | |- 0 <= _ + _ => apply Rplus_le_le_0_compat; positive_sum
  | |- 0 < _ + _ => first [apply Rplus_lt_le_0_compat; positive_sum | apply Rplus_le_lt_0_compat; positive_sum]
  end.
